#include "diffusion/noise_level.h"

#include <cmath>
#include <limits>
#include <numbers>

namespace zoetrope::diffusion {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr NoiseLevel kPureNoise{0.0, 1.0, -kInfinity};
constexpr NoiseLevel kClean{1.0, 0.0, kInfinity};

}  // namespace

NoiseLevel level_from_alpha_bar(double alpha_bar) {
  if (alpha_bar <= 0.0) return kPureNoise;
  if (alpha_bar >= 1.0) return kClean;
  return {std::sqrt(alpha_bar), std::sqrt(1.0 - alpha_bar),
          0.5 * (std::log(alpha_bar) - std::log1p(-alpha_bar))};
}

NoiseLevel level_from_ratio(double ratio) {
  if (ratio == 0.0) return kClean;
  const double alpha = 1.0 / std::sqrt(ratio * ratio + 1.0);
  return {alpha, ratio * alpha, -std::log(ratio)};
}

NoiseLevel level_from_lambda(double lambda) {
  if (lambda == -kInfinity) return kPureNoise;
  if (lambda == kInfinity) return kClean;
  return {1.0 / std::sqrt(1.0 + std::exp(-2.0 * lambda)),
          1.0 / std::sqrt(1.0 + std::exp(2.0 * lambda)), lambda};
}

NoiseLevel flow_level(double sigma) {
  if (sigma >= 1.0) return kPureNoise;
  if (sigma <= 0.0) return kClean;
  return {1.0 - sigma, sigma, std::log1p(-sigma) - std::log(sigma)};
}

NoiseLevel cosine_level(double t) {
  if (t >= 1.0) return kPureNoise;  // cos(pi / 2) is 6e-17 in fp64
  if (t <= 0.0) return kClean;
  const double angle = 0.5 * std::numbers::pi * t;
  return {std::cos(angle), std::sin(angle), -std::log(std::tan(angle))};
}

}  // namespace zoetrope::diffusion
