#include "base/in_quotes.h"

namespace zoetrope::base {

namespace {

constexpr std::size_t kLongest = 120;

bool is_utf8_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

}  // namespace

std::string in_quotes(std::string_view text) {
  std::string result = "'";
  std::size_t length = text.size();
  if (length > kLongest) {
    length = kLongest;
    while (length > 0 && is_utf8_continuation(text[length])) --length;  // never half a character
  }
  for (const char c : text.substr(0, length)) {
    const auto byte = static_cast<unsigned char>(c);
    result += byte < 0x20 || byte == 0x7F ? '?' : c;
  }
  result += length < text.size() ? "...'" : "'";
  return result;
}

}  // namespace zoetrope::base
