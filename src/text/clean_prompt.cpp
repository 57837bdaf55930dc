#include "text/clean_prompt.h"

#include <unicode/normalizer2.h>
#include <unicode/uchar.h>

#include <algorithm>

#include "base/status.h"
#include "text/unicode.h"

namespace zoetrope::text {

namespace {

// Python's str.isspace: four separators of ASCII beside what Unicode calls white space.
bool is_space(char32_t c) {
  return u_isUWhiteSpace(static_cast<UChar32>(c)) || (c >= 0x1C && c <= 0x1F);
}

bool is_control(char32_t c) {  // that ftfy removes: those that no text needs
  return c <= 0x08 || c == 0x0B || (c >= 0x0E && c <= 0x1F) || c == 0x7F ||
         (c >= 0x206A && c <= 0x206F) || c == 0xFEFF || (c >= 0xFFF9 && c <= 0xFFFC);
}

bool is_ligature_or_wide(char32_t c) {
  return c == 0x132 || c == 0x133 || c == 0x149 || (c >= 0x1C4 && c <= 0x1CC) ||
         (c >= 0x1F1 && c <= 0x1F3) || (c >= 0xFB00 && c <= 0xFB06 && c != 0xFB05) || c == 0x3000 ||
         (c >= 0xFF01 && c <= 0xFFEF);
}

icu::UnicodeString normalized(const icu::UnicodeString& text, bool compatible) {
  UErrorCode error = U_ZERO_ERROR;
  const icu::Normalizer2* form = compatible ? icu::Normalizer2::getNFKCInstance(error)
                                            : icu::Normalizer2::getNFCInstance(error);
  icu::UnicodeString result;
  if (U_SUCCESS(error)) result = form->normalize(text, error);
  if (U_FAILURE(error)) throw base::Error(base::internal_error("ICU: cannot normalise a text"));
  return result;
}

std::string plain_characters(std::string_view line) {
  std::string plain;
  for (std::size_t at = 0; at < line.size();) {
    const char32_t c = next_code_point(line, at);
    if (is_control(c)) continue;
    if (c == 0xFB05) {  // NFKC would make its long s a short one
      plain += "\u017ft";
    } else if (is_ligature_or_wide(c)) {
      plain += to_utf8(normalized(icu::UnicodeString(static_cast<UChar32>(c)), true));
    } else if (c == 0x2BC || (c >= 0x2018 && c <= 0x201B)) {
      plain += '\'';
    } else if (c >= 0x201C && c <= 0x201F) {
      plain += '"';
    } else {
      append_utf8(plain, c);
    }
  }
  return to_utf8(normalized(from_utf8(plain), false));
}

// What fix_text does to a line, until nothing changes.
std::string fix_line(std::string line, bool may_be_html) {
  for (;;) {
    std::string fixed = plain_characters(may_be_html ? line : unescape_html(line));
    if (fixed == line) return line;
    line = std::move(fixed);
  }
}

// From the first line with "<" on, the text may be HTML: its character references stay.
std::string fix_lines(std::string_view text) {
  std::string fixed;
  bool may_be_html = false;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, std::min(text.find('\n'), text.size() - 1) + 1);
    may_be_html |= line.find('<') != std::string_view::npos;
    fixed += fix_line(std::string(line), may_be_html);
    text.remove_prefix(line.size());
  }
  return fixed;
}

std::string collapse_space(std::string_view text) {
  std::string collapsed;
  bool pending = false;
  for (std::size_t at = 0; at < text.size();) {
    const char32_t c = next_code_point(text, at);
    if (is_space(c)) {
      pending = !collapsed.empty();
      continue;
    }
    if (pending) collapsed += ' ';
    pending = false;
    append_utf8(collapsed, c);
  }
  return collapsed;
}

}  // namespace

std::string clean_prompt(std::string_view prompt) {
  const std::string fixed = fix_lines(repair_utf8(prompt));
  return collapse_space(unescape_html(unescape_html(fixed)));
}

}  // namespace zoetrope::text
