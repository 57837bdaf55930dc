// unescape_html of clean_prompt.h (HTML standard, section 13.2.5.72 ff.).
#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <unordered_map>

#include "text/clean_prompt.h"
#include "text/html_entities.h"
#include "text/unicode.h"

namespace zoetrope::text {

namespace {

constexpr char32_t kReplacement = 0xFFFD;
constexpr int kLongestName = 32;

// Numbers 0x80 to 0x9F mean Windows-1252's characters; 0 where it has none.
constexpr std::array<char16_t, 32> kWindows1252 = {
    0x20AC, 0,      0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0,      0x017D, 0,      0,      0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0,      0x017E, 0x0178};

// A reference's length after "&", and what it stands for.
struct Reference {
  std::size_t length;
  std::string text;
};

char32_t hexadecimal(std::string_view digits) {
  std::uint32_t value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  return value;
}

// By name, with ";" where it belongs to it.
const std::unordered_map<std::string_view, std::string>& entities() {
  static const auto table = [] {
    static std::string names;  // what the keys look into
    names.reserve(2 * kHtmlEntities.size());
    std::unordered_map<std::string_view, std::string> entries;
    for (std::string_view rest = kHtmlEntities; !rest.empty();) {
      const std::string_view entry = rest.substr(0, rest.find(' '));
      rest.remove_prefix(std::min(entry.size() + 1, rest.size()));
      const std::size_t equals = entry.find('=');
      std::string text;
      for (std::string_view points = entry.substr(equals + 1); !points.empty();) {
        const std::string_view point = points.substr(0, points.find('+'));
        append_utf8(text, hexadecimal(point));
        points.remove_prefix(std::min(point.size() + 1, points.size()));
      }
      std::string_view name = entry.substr(0, equals);
      if (name.ends_with('?')) {
        name.remove_suffix(1);
        entries.emplace(name, text);
      }
      const std::size_t begin = names.size();
      names.append(name) += ';';
      entries.emplace(std::string_view(names).substr(begin), text);
    }
    return entries;
  }();
  return table;
}

// What the number stands for; empty for those that are no characters.
std::string character(std::uint32_t number) {
  std::string text;
  if (number >= 0x80 && number <= 0x9F && kWindows1252[number - 0x80] != 0) {
    number = kWindows1252[number - 0x80];
  } else if (number == 0x81 || number == 0x8D || number == 0x8F || number == 0x90 ||
             number == 0x9D || number == '\r') {
    // These stay as they are, unlike other controls.
  } else if (number == 0 || (number >= 0xD800 && number <= 0xDFFF) || number > 0x10FFFF) {
    number = kReplacement;
  } else if (number <= 0x08 || number == 0x0B || (number >= 0x0E && number <= 0x1F) ||
             (number >= 0x7F && number <= 0x9F) || (number >= 0xFDD0 && number <= 0xFDEF) ||
             (number & 0xFFFE) == 0xFFFE) {
    return text;
  }
  append_utf8(text, number);
  return text;
}

// `text` begins with "#".
std::optional<Reference> numeric(std::string_view text) {
  const bool is_hexadecimal = text.size() > 1 && (text[1] == 'x' || text[1] == 'X');
  const std::string_view digits = text.substr(is_hexadecimal ? 2 : 1);
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number,
                                            is_hexadecimal ? 16 : 10);
  if (end == digits.data()) return std::nullopt;
  if (error == std::errc::result_out_of_range) number = 0x110000;
  auto length = static_cast<std::size_t>(end - text.data());
  if (length < text.size() && text[length] == ';') ++length;
  return Reference{length, character(number)};
}

// The whole of what could be a name, or else the longest beginning that is one.
std::optional<Reference> named(std::string_view text) {
  constexpr std::string_view kEnds = "\t\n\f <&#;";
  std::size_t end = 0;
  for (int i = 0; i < kLongestName && end < text.size(); ++i) {
    if (kEnds.find(text[end]) != std::string_view::npos) break;
    next_code_point(text, end);
  }
  if (end == 0) return std::nullopt;
  if (end < text.size() && text[end] == ';') ++end;
  for (std::size_t length = end; length > 1; --length) {
    const auto found = entities().find(text.substr(0, length));
    if (found != entities().end()) return Reference{length, found->second};
  }
  return std::nullopt;
}

}  // namespace

std::string unescape_html(std::string_view utf8) {
  std::string text;
  while (!utf8.empty()) {
    const std::size_t ampersand = std::min(utf8.find('&'), utf8.size());
    text += utf8.substr(0, ampersand);
    utf8.remove_prefix(ampersand);
    if (utf8.empty()) break;
    utf8.remove_prefix(1);
    const auto reference = utf8.starts_with('#') ? numeric(utf8) : named(utf8);
    if (reference) {
      text += reference->text;
      utf8.remove_prefix(reference->length);
    } else {
      text += '&';
    }
  }
  return text;
}

}  // namespace zoetrope::text
