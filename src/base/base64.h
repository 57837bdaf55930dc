// Base64 (RFC 4648, section 4), for pictures and facts inside a page.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace zoetrope::base {

std::string to_base64(std::span<const uint8_t> bytes);

// Nothing unless `text` is exactly what to_base64 writes.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace zoetrope::base
