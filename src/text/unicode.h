// Small helpers around ICU, which works in UTF-16 while everything of ours is UTF-8.
#pragma once

#include <unicode/unistr.h>

#include <string>
#include <string_view>

namespace zoetrope::text {

icu::UnicodeString from_utf8(std::string_view bytes);
std::string to_utf8(const icu::UnicodeString& text);

// Valid UTF-8. Bytes that are not become U+FFFD, one for each maximal ill-formed part (what Unicode
// recommends and Python's errors="replace" does).
std::string repair_utf8(std::string_view bytes);

// The code point at `at`, which moves behind it; U+FFFD for ill-formed bytes. Requires
// at < text.size().
char32_t next_code_point(std::string_view text, std::size_t& at);

void append_utf8(std::string& text, char32_t code_point);

}  // namespace zoetrope::text
