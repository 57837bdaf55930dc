#include "weights/json_lines.h"

#include <fmt/format.h>

#include <algorithm>

#include "weights/mapped_file.h"

namespace zoetrope::weights {

namespace {

constexpr std::size_t kMaxLineBytes = std::size_t{1} << 20;
constexpr std::size_t kMaxLines = 1'000'000;

}  // namespace

base::Result<std::vector<JsonObject>> parse_json_lines(std::string_view text,
                                                       std::string_view source) {
  std::vector<JsonObject> objects;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const std::string where = fmt::format("{}:{}", source, number);
    if (number > kMaxLines) {
      return base::data_loss(fmt::format("{}: more than {} lines", where, kMaxLines));
    }
    if (line.size() > kMaxLineBytes) {
      return base::data_loss(fmt::format("{}: a line of more than {} bytes", where, kMaxLineBytes));
    }
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    ZT_ASSIGN_OR_RETURN(JsonObject object, JsonObject::parse(line, where));
    objects.push_back(std::move(object));
  }
  return objects;
}

base::Result<std::vector<JsonObject>> read_json_lines(const std::string& path) {
  ZT_ASSIGN_OR_RETURN(const MappedFile file, MappedFile::open(path));
  return parse_json_lines(file.text(), path);
}

}  // namespace zoetrope::weights
