#include "http/byte_range.h"

#include <algorithm>
#include <charconv>

namespace zoetrope::http {
namespace {

std::optional<int64_t> whole(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.starts_with('-')) {
    return std::nullopt;
  }
  return value;
}

}  // namespace

std::optional<ByteRange> parse_range(std::string_view header, int64_t size) {
  constexpr std::string_view kUnit = "bytes=";
  if (!header.starts_with(kUnit)) return std::nullopt;
  header.remove_prefix(kUnit.size());
  const size_t dash = header.find('-');
  if (dash == header.npos || header.find(',') != header.npos) return std::nullopt;
  const std::string_view from = header.substr(0, dash), to = header.substr(dash + 1);

  if (from.empty()) {  // the last so many
    const auto count = whole(to);
    if (!count) return std::nullopt;
    const int64_t length = std::min(*count, size);
    return ByteRange{.first = size - length, .length = length};
  }
  const auto first = whole(from);
  const auto last = to.empty() ? std::optional<int64_t>(size - 1) : whole(to);
  if (!first || !last) return std::nullopt;
  if (!to.empty() && *last < *first) return std::nullopt;
  if (*first >= size) return ByteRange{.first = 0, .length = 0};
  return ByteRange{.first = *first, .length = std::min(*last, size - 1) - *first + 1};
}

}  // namespace zoetrope::http
