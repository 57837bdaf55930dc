// The body of a request as multipart/form-data with the boundary "b"; the first byte picks which
// request. Then the same bytes as a Content-Type header.
#include <cstdint>

#include "fuzz_check.h"
#include "http/multipart.h"
#include "http_rules.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace zoetrope;
  if (size == 0) return 0;
  const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (const auto boundary = http::multipart_boundary(body); boundary.ok()) {
    fuzz::check(!boundary->empty() && boundary->size() <= 70, "a boundary of a wrong length");
  }
  const auto form =
      http::parse_form(http::BodyKind::kMultipart, "multipart/form-data; boundary=b", body);
  if (!form.ok()) {
    fuzz::check_refusal(form.status());
    return 0;
  }
  for (const http::Field& field : form->fields) {
    const std::string_view content =
        field.file ? *field.file : std::string_view(field.value.get_ref<const std::string&>());
    fuzz::check(content.find("\r\n--b") == content.npos, "a part goes over its boundary");
  }
  fuzz::check_request(*form, data[0]);
  return 0;
}
