#include "pipeline/block_caching.h"

#include <ATen/ATen.h>

#include <nlohmann/json.hpp>

#include "base/status.h"
#include "weights/atomic_file.h"
#include "weights/json_config.h"
#include "weights/tensor_io.h"

namespace zoetrope::pipeline {
namespace {

namespace fs = std::filesystem;

fs::path profile_path(const fs::path& folder) { return folder / "scheduler" / "block_cache.json"; }
fs::path corrections_path(const fs::path& folder) {
  return folder / "scheduler" / "block_cache.safetensors";
}

[[noreturn]] void refuse(const fs::path& path, const std::string& what) {
  throw base::Error(base::data_loss(path.string() + ": " + what));
}

diffusion::BlockProfile read_profile(const weights::JsonObject& json) {
  diffusion::BlockProfile profile;
  profile.blocks = json.require<std::vector<std::string>>("blocks");
  for (const auto& step : json.require<std::vector<weights::JsonObject>>("steps")) {
    profile.change.push_back(step.require<std::vector<double>>("change"));
  }
  return profile;
}

std::vector<diffusion::BlockCorrection> read_corrections(const fs::path& path,
                                                         const diffusion::BlockProfile& profile,
                                                         at::Device device) {
  if (!fs::exists(path)) return {};
  const weights::ParameterMap tensors = weights::load_tensors(path).value_or_throw();
  const auto take = [&](const std::string& name) {
    const auto found = tensors.find(name);
    if (found == tensors.end()) refuse(path, "has no tensor '" + name + "'");
    if (found->second.dim() != 2 || found->second.size(0) != profile.steps()) {
      refuse(path, "'" + name + "' is not [steps, channels]");
    }
    return found->second.to(device, at::kFloat);
  };
  std::vector<diffusion::BlockCorrection> corrections;
  corrections.reserve(profile.blocks.size());
  for (const std::string& block : profile.blocks) {
    corrections.push_back({take(block + ".scale"), take(block + ".shift")});
  }
  return corrections;
}

}  // namespace

std::shared_ptr<const diffusion::BlockPlan> read_block_plan(const fs::path& folder,
                                                            const std::vector<std::string>& blocks,
                                                            at::Device device) {
  const fs::path path = profile_path(folder);
  if (!fs::exists(path)) return nullptr;
  const auto json = weights::JsonObject::read(path).value_or_throw();
  const diffusion::BlockProfile profile = read_profile(json);
  if (profile.blocks != blocks) refuse(path, "blocks: are those of another network");
  try {
    return std::make_shared<diffusion::BlockPlan>(
        diffusion::BlockPlan{diffusion::BlockSchedule(profile, json.require<double>("threshold")),
                             read_corrections(corrections_path(folder), profile, device)});
  } catch (const base::Error& error) {
    if (error.status().code() != base::StatusCode::kInvalidArgument) throw;
    refuse(path, error.what());
  }
}

void write_block_caching(const fs::path& folder, const BlockCaching& caching) {
  nlohmann::json steps = nlohmann::json::array();
  for (const std::vector<double>& change : caching.profile.change) {
    steps.push_back({{"change", change}});
  }
  const nlohmann::json json = {
      {"threshold", caching.threshold}, {"blocks", caching.profile.blocks}, {"steps", steps}};
  const auto written = weights::write_file(profile_path(folder), json.dump(1) + "\n");
  if (!written.ok()) throw base::Error(written);
  fs::remove(corrections_path(folder));
  if (caching.corrections.empty()) return;
  weights::ParameterMap tensors;
  for (size_t i = 0; i < caching.corrections.size(); ++i) {
    tensors[caching.profile.blocks[i] + ".scale"] = caching.corrections[i].scale.to(at::kBFloat16);
    tensors[caching.profile.blocks[i] + ".shift"] = caching.corrections[i].shift.to(at::kBFloat16);
  }
  const auto saved = weights::save_tensors(corrections_path(folder), tensors);
  if (!saved.ok()) throw base::Error(saved);
}

}  // namespace zoetrope::pipeline
