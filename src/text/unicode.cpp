#include "text/unicode.h"

#include <unicode/utf8.h>

namespace zoetrope::text {

icu::UnicodeString from_utf8(std::string_view bytes) {
  return icu::UnicodeString::fromUTF8({bytes.data(), static_cast<int32_t>(bytes.size())});
}

std::string to_utf8(const icu::UnicodeString& text) {
  std::string bytes;
  text.toUTF8String(bytes);
  return bytes;
}

std::string repair_utf8(std::string_view bytes) { return to_utf8(from_utf8(bytes)); }

char32_t next_code_point(std::string_view text, std::size_t& at) {
  UChar32 code_point = 0;
  U8_NEXT_OR_FFFD(text.data(), at, text.size(), code_point);
  return static_cast<char32_t>(code_point);
}

void append_utf8(std::string& text, char32_t code_point) {
  icu::UnicodeString(static_cast<UChar32>(code_point)).toUTF8String(text);
}

}  // namespace zoetrope::text
