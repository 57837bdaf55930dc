// SHA-256 of a text, in hexadecimal digits.
#pragma once

#include <string>
#include <string_view>

namespace zoetrope::http {

std::string sha256_hex(std::string_view text);

}  // namespace zoetrope::http
