// Writes trained weights in the diffusers layout.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "weights/parameters.h"

namespace zoetrope::train {

// folder/config.json and folder/`weights_name` (bf16). Throws base::Error.
void save_component(const std::string& folder, const std::string& weights_name,
                    const nlohmann::json& config, const weights::ParameterMap& parameters);

// A JSON file with two-space indentation, replaced as a whole. Throws base::Error.
void write_json(const std::string& path, const nlohmann::json& value);

}  // namespace zoetrope::train
