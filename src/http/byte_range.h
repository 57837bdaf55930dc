// The Range header (RFC 9110, section 14): one range of bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace zoetrope::http {

struct ByteRange {
  int64_t first = 0;
  int64_t length = 0;  // 0: nothing of it is there (status 416)
};

// Nothing: send everything. That is the answer to no header, one that is not understood, several
// ranges, and other units.
std::optional<ByteRange> parse_range(std::string_view header, int64_t size);

}  // namespace zoetrope::http
