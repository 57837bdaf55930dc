// JSON files (base/json.h has the parser).
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "base/json.h"
#include "base/result.h"

namespace zoetrope::weights {

// Reads a whole file and parses it. kNotFound when the file does not exist.
base::Result<nlohmann::json> read_json_file(const std::string& path,
                                            const base::JsonLimits& limits = {});

}  // namespace zoetrope::weights
