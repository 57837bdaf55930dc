// The target of a request line: path and query, decoded and checked.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace zoetrope::http {

struct Target {
  std::string path;  // begins with '/'; percent signs decoded
  std::vector<std::pair<std::string, std::string>> query;

  // The last value given; nothing if there is none.
  std::optional<std::string_view> find(std::string_view name) const;
};

// kInvalidArgument: does not begin with '/', a bad percent code, or a control character.
base::Result<Target> parse_target(std::string_view text);

// A query parameter as a number. kInvalidArgument names it.
base::Result<int64_t> whole_parameter(const Target& target, std::string_view name, int64_t least,
                                      int64_t most, int64_t otherwise);

}  // namespace zoetrope::http
