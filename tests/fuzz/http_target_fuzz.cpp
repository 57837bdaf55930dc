// The target of a request line, its query, and a Range header.
#include <cstdint>

#include "fuzz_check.h"
#include "http/byte_range.h"
#include "http/target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace zoetrope;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  constexpr std::int64_t kSize = 1000;
  if (const auto range = http::parse_range(text, kSize)) {
    fuzz::check(range->first >= 0 && range->length >= 0, "a range below zero");
    fuzz::check(range->first + range->length <= kSize, "a range beyond the file");
  }
  const auto target = http::parse_target(text);
  if (!target.ok()) {
    fuzz::check_refusal(target.status());
    return 0;
  }
  fuzz::check(target->path.starts_with('/'), "a path without its slash");
  fuzz::check(target->path.find('\0') == std::string::npos, "a zero in a path");
  const auto limit = http::whole_parameter(*target, "limit", 1, 100, 20);
  fuzz::check(!limit.ok() || (*limit >= 1 && *limit <= 100), "a limit out of range");
  return 0;
}
