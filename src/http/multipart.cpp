#include "http/multipart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace zoetrope::http {
namespace {

using base::Result;

constexpr size_t kMaxHeaderBytes = 8192;  // of one part
constexpr size_t kMaxBoundary = 70;       // RFC 2046

base::Status bad(std::string_view why) {
  return base::invalid_argument(fmt::format("multipart body: {}", why));
}

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](unsigned char x, unsigned char y) {
    return std::tolower(x) == std::tolower(y);
  });
}

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// Takes a parameter's value off the front of `rest`: a word, or a string in double quotes, in which
// a backslash stands before a quote or another one. Nothing if a quote is not closed.
std::optional<std::string> take_value(std::string_view& rest) {
  std::string value;
  if (!rest.starts_with('"')) {
    const std::string_view word = rest.substr(0, rest.find(';'));
    rest.remove_prefix(word.size());
    return std::string(trimmed(word));
  }
  for (size_t i = 1; i < rest.size(); ++i) {
    if (rest[i] == '"') {
      rest.remove_prefix(i + 1);
      return value;
    }
    // Browsers send backslashes of file names as they are.
    if (rest[i] == '\\' && i + 1 < rest.size() && (rest[i + 1] == '"' || rest[i + 1] == '\\')) ++i;
    value += rest[i];
  }
  return std::nullopt;
}

// The parameter `name` of a header such as `form-data; name="a"; filename="b"`. Not there: nothing.
Result<std::optional<std::string>> parameter(std::string_view header, std::string_view name) {
  std::string_view rest = header.substr(std::min(header.size(), header.find(';')));
  while (rest.starts_with(';')) {
    rest.remove_prefix(1);
    const size_t equals = rest.find('=');
    if (equals == rest.npos) break;
    const std::string_view key = trimmed(rest.substr(0, equals));
    rest = rest.substr(equals + 1);
    rest.remove_prefix(std::min(rest.size(), rest.find_first_not_of(" \t")));
    const std::optional<std::string> value = take_value(rest);
    if (!value) return bad("a header has a quote that is not closed");
    if (equals_ignoring_case(key, name)) return value;
    rest.remove_prefix(std::min(rest.size(), rest.find(';')));
  }
  return std::optional<std::string>();
}

// Name and file name out of the header lines of a part.
Result<Part> parse_headers(std::string_view lines) {
  Part part;
  bool named = false;
  while (!lines.empty()) {
    const std::string_view line = lines.substr(0, lines.find("\r\n"));
    lines.remove_prefix(std::min(lines.size(), line.size() + 2));
    const size_t colon = line.find(':');
    if (colon == line.npos) return bad("a header line has no colon");
    const std::string_view key = trimmed(line.substr(0, colon));
    const std::string_view value = trimmed(line.substr(colon + 1));
    if (equals_ignoring_case(key, "content-transfer-encoding") &&
        !equals_ignoring_case(value, "binary") && !equals_ignoring_case(value, "8bit") &&
        !equals_ignoring_case(value, "7bit")) {
      return bad("content-transfer-encoding is not supported");
    }
    if (!equals_ignoring_case(key, "content-disposition")) continue;
    if (!equals_ignoring_case(trimmed(value.substr(0, value.find(';'))), "form-data")) {
      return bad("a part's content-disposition is not form-data");
    }
    ZT_ASSIGN_OR_RETURN(auto name, parameter(value, "name"));
    ZT_ASSIGN_OR_RETURN(part.filename, parameter(value, "filename"));
    if (!name || name->empty()) return bad("a part has no name");
    part.name = std::move(*name);
    named = true;
  }
  if (!named) return bad("a part has no content-disposition");
  return part;
}

}  // namespace

Result<std::string> multipart_boundary(std::string_view content_type) {
  ZT_ASSIGN_OR_RETURN(const auto boundary, parameter(content_type, "boundary"));
  if (!boundary || boundary->empty() || boundary->size() > kMaxBoundary) {
    return base::invalid_argument(
        "content-type: multipart/form-data needs a boundary of 1 to 70 characters");
  }
  return *boundary;
}

Result<std::vector<Part>> parse_multipart(std::string_view body, std::string_view boundary,
                                          size_t max_parts) {
  const std::string delimiter = fmt::format("\r\n--{}", boundary);
  const std::string_view opening = std::string_view(delimiter).substr(2);
  // What stands before the first delimiter is of no meaning.
  size_t at = body.starts_with(opening) ? opening.size() : body.find(delimiter);
  if (at == body.npos) return bad("the boundary does not occur");
  if (!body.starts_with(opening)) at += delimiter.size();

  std::vector<Part> parts;
  while (true) {
    std::string_view rest = body.substr(at);
    if (rest.starts_with("--")) return parts;
    const size_t end_of_line = rest.find("\r\n");
    if (end_of_line == rest.npos || !trimmed(rest.substr(0, end_of_line)).empty()) {
      return bad("it ends early, or a boundary is followed by something else");
    }
    rest.remove_prefix(end_of_line + 2);
    const size_t end_of_headers = rest.substr(0, kMaxHeaderBytes).find("\r\n\r\n");
    if (end_of_headers == rest.npos) return bad("a part's headers do not end");
    ZT_ASSIGN_OR_RETURN(Part part, parse_headers(rest.substr(0, end_of_headers)));
    rest.remove_prefix(end_of_headers + 2);  // the line end may belong to the next delimiter
    const size_t end = rest.find(delimiter);
    if (end == rest.npos) return bad("it ends inside a part");
    part.content = end < 2 ? std::string_view() : rest.substr(2, end - 2);
    if (parts.size() == max_parts) return bad(fmt::format("more than {} parts", max_parts));
    parts.push_back(std::move(part));
    at = static_cast<size_t>(rest.data() - body.data()) + end + delimiter.size();
  }
}

}  // namespace zoetrope::http
