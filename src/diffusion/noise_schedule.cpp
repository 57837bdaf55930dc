#include "diffusion/noise_schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/status.h"
#include "tensor/tensor.h"

namespace zoetrope::diffusion {
namespace {

constexpr double kMaxBeta = 0.999;
constexpr double kFloorAlphaBar = 1.0 / 16777216.0;  // 2^-24

// The tables are made by the tensor operations diffusers uses, in fp32: 1 - alpha_bar of the first
// entries has only three digits left, and a table in fp64 would end at another noise level.
at::Tensor make_betas(const BetaOptions& options) {
  const int n = options.num_train_timesteps;
  switch (options.curve) {
    case BetaCurve::kLinear:
      return at::linspace(options.beta_start, options.beta_end, n, at::kFloat);
    case BetaCurve::kScaledLinear:
      return at::linspace(std::sqrt(options.beta_start), std::sqrt(options.beta_end), n, at::kFloat)
          .square();
    case BetaCurve::kSquaredCosine:
      break;
  }
  const auto alpha_bar = [](double t) {
    const double c = std::cos((t + 0.008) / 1.008 * std::numbers::pi / 2.0);
    return c * c;
  };
  at::Tensor betas = at::empty({n}, at::kFloat);
  for (int i = 0; i < n; ++i) {
    const double ratio =
        alpha_bar(static_cast<double>(i + 1) / n) / alpha_bar(static_cast<double>(i) / n);
    betas.data_ptr<float>()[i] = static_cast<float>(std::min(1.0 - ratio, kMaxBeta));
  }
  return betas;
}

// Algorithm 1 of arXiv 2305.08891: shift sqrt(alpha_bar) so that it ends at 0, scale it so that it
// still starts where it did.
at::Tensor rescale_to_zero_snr(const at::Tensor& betas) {
  at::Tensor root = (1.0 - betas).cumprod(0).sqrt();
  const at::Tensor first = root[0].clone();
  const at::Tensor last = root[-1].clone();
  root = (root - last) * (first / (first - last));
  const at::Tensor bar = root.square();
  const at::Tensor alphas = at::cat({bar.slice(0, 0, 1), bar.slice(0, 1) / bar.slice(0, 0, -1)});
  return 1.0 - alphas;
}

std::vector<float> to_vector(const at::Tensor& values) {
  const at::Tensor flat = values.contiguous();
  return {flat.data_ptr<float>(), flat.data_ptr<float>() + flat.numel()};
}

// Position between the entries of increasing `table` where it takes `value`, clamped to the ends.
double interpolate_index(const std::vector<float>& table, double value) {
  const auto above = std::upper_bound(table.begin(), table.end(), value);
  const auto last_pair = static_cast<std::ptrdiff_t>(table.size()) - 2;
  const std::ptrdiff_t low = std::clamp<std::ptrdiff_t>(above - table.begin() - 1, 0, last_pair);
  const double span = table[low + 1] - table[low];
  return static_cast<double>(low) + std::clamp((value - table[low]) / span, 0.0, 1.0);
}

}  // namespace

DiscreteSchedule::DiscreteSchedule(const BetaOptions& options)
    : zero_terminal_snr_(options.rescale_betas_zero_snr) {
  base::require(options.num_train_timesteps >= 2, "num_train_timesteps: must be at least 2");
  at::Tensor betas = make_betas(options);
  if (zero_terminal_snr_) betas = rescale_to_zero_snr(betas);
  const at::Tensor bar = (1.0 - betas).cumprod(0);
  alpha_bar_ = to_vector(bar);
  if (zero_terminal_snr_) bar[-1].fill_(kFloorAlphaBar);
  ratios_ = to_vector(((1.0 - bar) / bar).sqrt());
  for (const float ratio : ratios_) log_ratios_.push_back(std::log(ratio));
}

NoiseLevel DiscreteSchedule::level(int t) const { return level_from_alpha_bar(alpha_bar_.at(t)); }

double DiscreteSchedule::time_of_log_ratio(double log_ratio) const {
  return interpolate_index(log_ratios_, log_ratio);
}

double DiscreteSchedule::time_of_lambda(double lambda) const {
  const int usable = size() - (zero_terminal_snr_ ? 1 : 0);
  const auto log_alpha = [this](int t) { return 0.5 * std::log(double{alpha_bar_[t]}); };
  const double wanted = -0.5 * std::log1p(std::exp(-2.0 * lambda));
  int low = 0;
  while (low < usable - 2 && log_alpha(low + 1) > wanted) ++low;
  const double weight = (log_alpha(low) - wanted) / (log_alpha(low) - log_alpha(low + 1));
  return low + std::clamp(weight, 0.0, 1.0);
}

double CosineSchedule::time_of_lambda(double lambda) {
  return 2.0 / std::numbers::pi * std::atan(std::exp(-lambda));
}

double FlowSchedule::effective_shift(std::optional<double> mu) const {
  if (dynamic == DynamicShift::kNone) {
    base::require(!mu.has_value(), "mu: this schedule has a fixed shift");
    return shift;
  }
  base::require(mu.has_value(), "mu: this schedule needs it (use_dynamic_shifting)");
  return dynamic == DynamicShift::kExponential ? std::exp(*mu) : *mu;
}

}  // namespace zoetrope::diffusion
