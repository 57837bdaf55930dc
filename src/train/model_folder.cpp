#include "train/model_folder.h"

#include <ATen/ATen.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/status.h"
#include "weights/atomic_file.h"
#include "weights/tensor_io.h"

namespace zoetrope::train {

void save_component(const std::string& folder, const std::string& weights_name,
                    const nlohmann::json& config, const weights::ParameterMap& parameters) {
  std::filesystem::create_directories(folder);
  weights::ParameterMap rounded;
  for (const auto& [name, value] : parameters) {
    rounded[name] = value.to(at::kCPU, at::kBFloat16).contiguous();
  }
  const auto status = weights::save_tensors(folder + "/" + weights_name, rounded);
  if (!status.ok()) throw base::Error(status);
  write_json(folder + "/config.json", config);
}

void write_json(const std::string& path, const nlohmann::json& value) {
  const auto status = weights::write_file(path, value.dump(2) + "\n");
  if (!status.ok()) throw base::Error(status);
}

}  // namespace zoetrope::train
