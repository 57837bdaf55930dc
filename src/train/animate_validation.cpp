#include "train/animate_validation.h"

#include <ATen/ATen.h>

#include <cmath>

#include "tensor/noise.h"
#include "train/guided_sampler.h"
#include "train/picture_grid.h"

namespace zoetrope::train {
namespace {

constexpr int64_t kBatch = 32;
constexpr int64_t kShown = 8;
constexpr uint64_t kNoiseSeed = 7;
constexpr double kLevels[] = {0.1, 0.3, 0.5, 0.7, 0.85, 0.95, 1.0};
constexpr int64_t kSampleSteps = 16;
constexpr double kImageGuidance = 1.5, kTextGuidance = 3.0;

at::Tensor full(int64_t n, double value, const at::Tensor& like) {
  return at::full({n}, value, like.options().dtype(at::kFloat));
}

}  // namespace

std::map<std::string, double> AnimateValidation::run(const AnimateNetworks& networks,
                                                     const std::string& path) const {
  if (clips_.empty()) return {};
  write_clips(networks, path);
  return {{"held_out_v_mse", v_error(networks)}};
}

double AnimateValidation::v_error(const AnimateNetworks& networks) const {
  at::Tensor sum = at::zeros({}, clips_.latents.options().dtype(at::kDouble));
  const int64_t n = clips_.latents.size(0);
  for (int64_t first = 0; first < n; first += kBatch) {
    const int64_t b = std::min(kBatch, n - first);
    const at::Tensor x0 = clips_.latents.narrow(0, first, b);
    const auto conditioning = networks.condition({.prompts = clips_.prompts.narrow(0, first, b),
                                                  .first_frame = x0.select(1, 0),
                                                  .motion = full(b, -1.0, x0),
                                                  .guidance = {}},
                                                 x0.size(1), dtype_);
    const at::Tensor noise =
        tensor::gaussian_noise(x0.sizes(), kNoiseSeed, 0, first * x0[0].numel(), x0.device());
    for (const double t : kLevels) {
      const double alpha = std::cos(t * M_PI_2), sigma = std::sin(t * M_PI_2);
      const at::Tensor v =
          networks.predict(alpha * x0 + sigma * noise, full(b, t, x0), conditioning, dtype_);
      sum += (v - (alpha * noise - sigma * x0)).square().mean({1, 2, 3, 4}).sum().to(at::kDouble);
    }
  }
  return sum.item<double>() / static_cast<double>(n * std::size(kLevels));
}

void AnimateValidation::write_clips(const AnimateNetworks& networks,
                                    const std::string& path) const {
  const at::Tensor shown = clips_.spread(kShown);
  const at::Tensor rows = shown.to(clips_.latents.device());
  const at::Tensor truth = clips_.latents.index_select(0, rows);
  const DistillationGrid grid(kSampleSteps, 1, diffusion::CosineSchedule(), truth.options());
  const at::Tensor clean = sample_guided(
      networks, grid, tensor::gaussian_noise(truth.sizes(), kNoiseSeed, 1, 0, truth.device()),
      at::zeros_like(rows), kSampleSteps,
      {.prompts = clips_.prompts.index_select(0, rows),
       .empty_prompt = clips_.empty_prompt,
       .first_frame = truth.select(1, 0),
       .motion = clips_.motion.index_select(0, rows),
       .guidance =
           at::tensor({kImageGuidance, kTextGuidance}, truth.options()).expand({rows.size(0), 2})},
      dtype_);
  std::vector<at::Tensor> pictures;
  for (int64_t i = 0; i < rows.size(0); ++i) {
    const int64_t clip = shown[i].item<int64_t>();
    pictures.push_back(clips_.pixels.select(0, clip).slice(0, 0, c10::nullopt, 2));
    pictures.push_back(shown_frames(autoencoder_, clean.select(0, i), dtype_));
  }
  write_picture_grid(path + "_clips.png", pictures);
}

}  // namespace zoetrope::train
