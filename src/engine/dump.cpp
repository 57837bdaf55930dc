#include "engine/dump.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <system_error>

#include "weights/atomic_file.h"
#include "weights/tensor_io.h"

namespace zoetrope::engine {

namespace fs = std::filesystem;

base::Status prepare_dump(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error || access(folder.c_str(), W_OK | X_OK) != 0) {
    return {base::StatusCode::kPermissionDenied,
            fmt::format("{}: cannot be written into", folder.string())};
  }
  return {};
}

base::Status write_dump(const fs::path& folder, const ResolvedRequest& request, uint64_t seed,
                        const at::Tensor& noise, const pipeline::BundleMap& bundles) {
  weights::ParameterMap conditioning;
  for (const auto& [name, bundle] : bundles) {
    if (name == "clip" || name == "frames") continue;
    for (const auto& [tensor, value] : bundle.tensors) {
      // Several encoders may make parts of one input.
      const bool taken = conditioning.contains(tensor);
      conditioning.emplace(taken ? name + "." + tensor : tensor, value);
    }
  }
  const nlohmann::json facts = {{"prompt", request.prompt},
                                {"negative_prompt", request.negative_prompt},
                                {"seed", seed},
                                {"quality", request.quality == Quality::kFast ? "fast" : "best"},
                                {"steps", request.steps},
                                {"num_frames", request.num_frames},
                                {"fps", request.fps},
                                {"image_guidance", request.image_guidance},
                                {"text_guidance", request.text_guidance},
                                {"motion", request.motion}};
  ZT_RETURN_IF_ERROR(weights::save_tensors(folder / "noise.safetensors", {{"noise", noise}}));
  ZT_RETURN_IF_ERROR(weights::save_tensors(folder / "conditioning.safetensors", conditioning));
  weights::ParameterMap latents;
  for (const auto& [name, tensor] : bundles.at("clip").tensors) latents[name] = tensor[0];
  ZT_RETURN_IF_ERROR(weights::save_tensors(folder / "latents.safetensors", latents));
  return weights::write_file(folder / "request.json", facts.dump(2) + "\n");
}

at::Tensor read_noise(const fs::path& file, at::IntArrayRef shape) {
  const weights::ParameterMap tensors = weights::load_tensors(file).value_or_throw();
  const auto found = tensors.find("noise");
  if (found == tensors.end()) {
    throw base::Error(base::data_loss(file.string() + ": holds no tensor 'noise'"));
  }
  if (found->second.sizes() != shape || !found->second.is_floating_point()) {
    throw base::Error(base::data_loss(
        fmt::format("{}: 'noise' has shape [{}], this request needs [{}]", file.string(),
                    fmt::join(found->second.sizes(), ", "), fmt::join(shape, ", "))));
  }
  return found->second.to(at::kFloat).contiguous();
}

}  // namespace zoetrope::engine
