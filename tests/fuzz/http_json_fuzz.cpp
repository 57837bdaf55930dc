// The body of a request for a clip or a picture, as JSON: parse_form and the readers of fields. The
// first byte picks which request.
#include <cstdint>

#include "fuzz_check.h"
#include "http_rules.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace zoetrope;
  if (size == 0) return 0;
  const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto form = http::parse_form(http::BodyKind::kJson, "application/json", body);
  if (!form.ok()) {
    fuzz::check_refusal(form.status());
    return 0;
  }
  fuzz::check_request(*form, data[0]);
  return 0;
}
