// Parsing of JSON that somebody else wrote: bounded size, depth and number of values, duplicate
// keys refused (two readers that keep different ones disagree about the same file), UTF-8 checked.
//
// nlohmann's parser keeps its own stack on the heap, so nesting cannot overflow the machine stack;
// the depth limit bounds memory and whoever walks the result.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/result.h"

namespace zoetrope::base {

struct JsonLimits {
  std::size_t max_bytes = std::size_t{16} << 20;
  int max_depth = 32;                  // a value inside n containers has depth n
  std::size_t max_values = 4'000'000;  // containers and leaves together
};

// Fails with kDataLoss and one line that starts with `source` (a file name, file and line, a
// field).
Result<nlohmann::json> parse_json(std::string_view text, std::string_view source,
                                  const JsonLimits& limits = {});

}  // namespace zoetrope::base
