// Where the model of a command is.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"

namespace zoetrope::apps {

// The folder that holds this program; empty where /proc is missing.
std::filesystem::path program_folder();

// `relative` beside the program or in a folder above it, as in a clone; empty if nowhere.
std::filesystem::path find_above_program(const std::filesystem::path& relative);

// `given` (--model) if not empty; else the folder `animate` in $ZOETROPE_MODELS, or in a `models`
// folder beside the program or above it. kNotFound names every place that was searched.
base::Result<std::filesystem::path> find_model(const std::string& given);

}  // namespace zoetrope::apps
