// JSON-lines files: one object a line, as data sets list their captions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "weights/json_config.h"

namespace zoetrope::weights {

// The objects of `text`, in order. Each has "SOURCE:LINE" as its source, so that an error in one of
// its fields names the line. Blank lines are left out. kDataLoss naming the first line that is not
// a JSON object (duplicate keys and invalid UTF-8 included), is longer than 1 MiB, or is the
// 1,000,001st.
base::Result<std::vector<JsonObject>> parse_json_lines(std::string_view text,
                                                       std::string_view source);

// The same for a file; kNotFound if it does not exist.
base::Result<std::vector<JsonObject>> read_json_lines(const std::string& path);

}  // namespace zoetrope::weights
