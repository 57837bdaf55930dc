#include "eval/clip_encoder.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>

#include "nn/tap.h"
#include "pipeline/picture.h"
#include "weights/checkpoint.h"
#include "weights/json_config.h"

namespace zoetrope::eval {

base::Result<ClipEncoder> ClipEncoder::open(const std::filesystem::path& model_folder,
                                            at::Device device) {
  const std::string folder = (model_folder / "vae").string();
  ZT_ASSIGN_OR_RETURN(const auto json, weights::JsonObject::read(folder + "/config.json"));
  ZT_ASSIGN_OR_RETURN(auto checkpoint, weights::Checkpoint::open(folder));
  try {
    weights::CheckpointSource source(std::move(checkpoint), at::kFloat, device);
    return ClipEncoder({weights::Scope(source), models::AutoencoderKlConfig::from_json(json)},
                       device);
  } catch (const base::Error& error) {
    return error.status();
  }
}

EncodedClip ClipEncoder::encode(const at::Tensor& clip) const {
  const c10::NoGradGuard no_gradients;
  EncodedClip encoded;
  const nn::TapSink sink(
      [&](const std::string&, const at::Tensor& value) { encoded.layers.push_back(value); });
  const at::Tensor input = pipeline::to_signed(clip.to(device_));
  encoded.latents = network_.normalise(network_.encode(input).mean);
  return encoded;
}

at::Tensor ClipEncoder::decode(const at::Tensor& latents) const {
  const c10::NoGradGuard no_gradients;
  return pipeline::to_bytes(network_.decode(network_.denormalise(latents))).cpu();
}

double perceptual_distance(const EncodedClip& a, const EncodedClip& b) {
  double sum = 0;
  for (size_t i = 0; i < a.layers.size(); ++i) {
    const auto unit = [](const at::Tensor& layer) {
      const at::Tensor later = layer.narrow(0, 1, layer.size(0) - 1);
      return later / (later.square().sum(-1, true).sqrt() + 1e-10);
    };
    const at::Tensor difference = unit(a.layers[i]) - unit(b.layers[i]);
    sum += difference.square().sum(-1).to(at::kDouble).mean().item<double>();
  }
  return sum;
}

at::Tensor motion_and_appearance(const at::Tensor& latents) {
  constexpr int64_t kGrid = 4, kWaves = 5;
  const int64_t frames = latents.size(0), channels = latents.size(3);
  const at::Tensor cells =  // [f, c * 16]
      at::adaptive_avg_pool2d(latents.to(at::kDouble).cpu().permute({0, 3, 1, 2}), {kGrid, kGrid})
          .reshape({frames, -1});
  const at::Tensor mean = cells.mean(0);
  const at::Tensor steps = cells.narrow(0, 1, frames - 1) - cells.narrow(0, 0, frames - 1);
  const at::Tensor spectrum = at::fft_rfft(cells - mean, std::nullopt, 0).abs();
  const int64_t waves = std::min(kWaves, spectrum.size(0) - 1);
  const at::Tensor amplitudes =
      spectrum.narrow(0, 1, waves).reshape({waves, channels, -1}).mean(2).flatten();
  return at::cat({cells.std(0), steps.abs().mean(0), amplitudes, mean});
}

FeatureSpace::FeatureSpace(const at::Tensor& rows, int64_t components) {
  const int64_t n = rows.size(0);
  base::require(rows.dim() == 2 && n >= 2, "feature space: at least two clips needed");
  mean_ = rows.mean(0);
  scale_ = rows.std(0) + 1e-6;
  const auto [u, s, v] = at::linalg_svd((rows - mean_) / scale_, /*full_matrices=*/false);
  basis_ = v.narrow(0, 0, std::min(components, std::min(n - 1, v.size(0)))).t().contiguous();
}

at::Tensor FeatureSpace::project(const at::Tensor& rows) const {
  return at::matmul((rows - mean_) / scale_, basis_);
}

}  // namespace zoetrope::eval
