// One way of making clips, to be compared with others: a model folder and what is asked of it.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/api/request.h"

namespace zoetrope::eval {

// Names of what is measured beside the configurations: the real clips, these through the
// autoencoder, and the picture repeated.
inline constexpr const char* kReal = "real";
inline constexpr const char* kAutoencoder = "autoencoder";
inline constexpr const char* kStill = "still";

struct Configuration {
  std::string name;
  std::filesystem::path model;             // empty: the bundled one
  std::optional<engine::Quality> quality;  // what is empty here is the model's default
  std::optional<int> steps;
  std::optional<double> image_guidance, text_guidance, motion;

  // Into the fields of a request.
  void apply(engine::Request& request) const;
};

// "NAME" or "NAME:key=value,key=value", keys as in `animate`: model, quality, steps, motion,
// text-guidance, image-guidance. kInvalidArgument, one line that names the configuration and the
// key.
base::Result<Configuration> parse_configuration(std::string_view text);

// All of them; also refuses two of one name, and none.
base::Result<std::vector<Configuration>> parse_configurations(
    const std::vector<std::string>& texts);

nlohmann::json describe(const Configuration& configuration);

}  // namespace zoetrope::eval
