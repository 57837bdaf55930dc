#include "train/animate_validation.h"

#include <ATen/ATen.h>

#include <cmath>

#include "tensor/noise.h"
#include "train/picture_grid.h"

namespace zoetrope::train {
namespace {

constexpr int64_t kBatch = 32;
constexpr int64_t kShown = 8;
constexpr uint64_t kNoiseSeed = 7;
constexpr double kLevels[] = {0.1, 0.3, 0.5, 0.7, 0.85, 0.95, 1.0};
constexpr int64_t kSampleSteps = 16;
constexpr double kImageGuidance = 1.5, kTextGuidance = 3.0, kMotion = 0.7;

at::Tensor full(int64_t n, double value, const at::Tensor& like) {
  return at::full({n}, value, like.options().dtype(at::kFloat));
}

}  // namespace

AnimateValidation::AnimateValidation(const TrainingData& data, const at::Tensor& empty_prompt,
                                     LatentCache cache, const models::AutoencoderKl& autoencoder,
                                     at::ScalarType dtype)
    : empty_prompt_(empty_prompt), autoencoder_(autoencoder), dtype_(dtype) {
  if (!cache.latents.defined()) return;
  latents_ = cache.latents.select(0, 0);
  const at::Tensor clips = at::tensor(data.held_out_clips);
  prompts_ = data.prompts.index_select(0, clips).select(1, 0).to(latents_.device());
  // Spread over the held-out clips, which lie sorted by concept.
  const int64_t shown = std::min<int64_t>(kShown, clips.size(0));
  const at::Tensor positions = at::arange(shown) * (clips.size(0) / shown);
  truth_ = data.clips.index_select(0, clips.index_select(0, positions));
}

std::map<std::string, double> AnimateValidation::run(const AnimateNetworks& networks,
                                                     const std::string& path) const {
  if (!latents_.defined()) return {};
  write_clips(networks, path);
  return {{"held_out_v_mse", v_error(networks)}};
}

double AnimateValidation::v_error(const AnimateNetworks& networks) const {
  at::Tensor sum = at::zeros({}, latents_.options().dtype(at::kDouble));
  const int64_t n = latents_.size(0);
  for (int64_t first = 0; first < n; first += kBatch) {
    const int64_t b = std::min(kBatch, n - first);
    const at::Tensor x0 = latents_.narrow(0, first, b).to(at::kFloat);
    const auto conditioning = networks.condition(
        {prompts_.narrow(0, first, b), x0.select(1, 0), full(b, -1.0, x0)}, x0.size(1), dtype_);
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

// Guided DDIM (three branches in one batch); the product's samplers are not needed to see progress.
void AnimateValidation::write_clips(const AnimateNetworks& networks,
                                    const std::string& path) const {
  const int64_t shown = truth_.size(0);
  const at::Tensor rows = (at::arange(shown) * (latents_.size(0) / shown)).to(latents_.device());
  const at::Tensor clips = latents_.index_select(0, rows).to(at::kFloat);
  const at::Tensor first = clips.select(1, 0);
  const at::Tensor prompts = prompts_.index_select(0, rows);
  const at::Tensor empty = empty_prompt_.expand_as(prompts);
  const auto conditioning = networks.condition(
      {at::cat({empty, empty, prompts}), at::cat({at::zeros_like(first), first, first}),
       full(3 * shown, kMotion, first)},
      clips.size(1), dtype_);
  at::Tensor x = tensor::gaussian_noise(clips.sizes(), kNoiseSeed, 1, 0, clips.device());
  at::Tensor clean;
  for (int64_t i = 0; i < kSampleSteps; ++i) {
    const double t = 1.0 - static_cast<double>(i) / kSampleSteps;
    const double next = t - 1.0 / kSampleSteps;
    const auto v =
        networks.predict(at::cat({x, x, x}), full(3 * shown, t, x), conditioning, dtype_).chunk(3);
    const at::Tensor guided = v[0] + kImageGuidance * (v[1] - v[0]) + kTextGuidance * (v[2] - v[1]);
    const double alpha = std::cos(t * M_PI_2), sigma = std::sin(t * M_PI_2);
    clean = alpha * x - sigma * guided;
    x = std::cos(next * M_PI_2) * clean + std::sin(next * M_PI_2) * (sigma * x + alpha * guided);
  }
  std::vector<at::Tensor> grid;
  for (int64_t i = 0; i < shown; ++i) {
    const at::Tensor pictures =
        autoencoder_.decode(autoencoder_.denormalise(clean.select(0, i)).to(dtype_));
    grid.push_back(truth_.select(0, i).slice(0, 0, c10::nullopt, 2));
    grid.push_back(to_pixels(pictures).to(at::kCPU).slice(0, 0, c10::nullopt, 2));
  }
  write_picture_grid(path + "_clips.png", grid);
}

}  // namespace zoetrope::train
