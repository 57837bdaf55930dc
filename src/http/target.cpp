#include "http/target.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace zoetrope::http {
namespace {

using base::Result;

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

Result<std::string> percent_decoded(std::string_view text, bool plus_is_space) {
  std::string decoded;
  decoded.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      const int high = i + 1 < text.size() ? hex_value(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
      if (high < 0 || low < 0) {
        return base::invalid_argument("target: a % must be followed by two hexadecimal digits");
      }
      c = static_cast<char>(high * 16 + low);
      i += 2;
    } else if (c == '+' && plus_is_space) {
      c = ' ';
    }
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      return base::invalid_argument("target: holds a control character");
    }
    decoded += c;
  }
  return decoded;
}

}  // namespace

std::optional<std::string_view> Target::find(std::string_view name) const {
  const auto found = std::find_if(query.rbegin(), query.rend(),
                                  [&](const auto& parameter) { return parameter.first == name; });
  if (found == query.rend()) return std::nullopt;
  return found->second;
}

Result<Target> parse_target(std::string_view text) {
  if (!text.starts_with('/')) return base::invalid_argument("target: must begin with /");
  text = text.substr(0, text.find('#'));
  const size_t mark = text.find('?');
  Target target;
  ZT_ASSIGN_OR_RETURN(target.path, percent_decoded(text.substr(0, mark), false));
  std::string_view rest = mark == text.npos ? std::string_view() : text.substr(mark + 1);
  while (!rest.empty()) {
    const std::string_view pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
    if (pair.empty()) continue;
    const size_t equals = pair.find('=');
    ZT_ASSIGN_OR_RETURN(std::string name, percent_decoded(pair.substr(0, equals), true));
    std::string value;
    if (equals != pair.npos) {
      ZT_ASSIGN_OR_RETURN(value, percent_decoded(pair.substr(equals + 1), true));
    }
    target.query.emplace_back(std::move(name), std::move(value));
  }
  return target;
}

Result<int64_t> whole_parameter(const Target& target, std::string_view name, int64_t least,
                                int64_t most, int64_t otherwise) {
  const auto text = target.find(name);
  if (!text) return otherwise;
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc() || end != text->data() + text->size() || value < least || value > most) {
    return base::invalid_argument(
        fmt::format("{}: must be a whole number between {} and {}", name, least, most));
  }
  return value;
}

}  // namespace zoetrope::http
