#include "weights/quantising_source.h"

#include <algorithm>
#include <string_view>

namespace zoetrope::weights {
namespace {

bool matches(std::string_view part, std::string_view pattern) {
  return pattern.ends_with('*') ? part.starts_with(pattern.substr(0, pattern.size() - 1))
                                : part == pattern;
}

bool matches_any(std::string_view part, const std::vector<std::string>& patterns) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const std::string& pattern) { return matches(part, pattern); });
}

}  // namespace

tensor::WeightFormat LinearPolicy::format_of(const std::string& path) const {
  std::string_view rest = path;
  for (bool first = true; !rest.empty(); first = false) {
    const std::string_view part = rest.substr(0, rest.find('.'));
    if (first != matches_any(part, first ? stacks : kept)) return tensor::WeightFormat::kPlain;
    rest.remove_prefix(std::min(part.size() + 1, rest.size()));
  }
  return path.empty() ? tensor::WeightFormat::kPlain : format;
}

}  // namespace zoetrope::weights
