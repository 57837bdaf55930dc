// NoiseLevel: one point of a diffusion process, z = alpha x0 + sigma noise. Plain values in fp64.
#pragma once

namespace zoetrope::diffusion {

struct NoiseLevel {
  double alpha = 1.0;
  double sigma = 0.0;
  double lambda = 0.0;  // log(alpha / sigma), half the log signal-to-noise ratio; may be infinite
};

// Variance preserving (alpha^2 + sigma^2 = 1), from alpha^2 in [0, 1].
NoiseLevel level_from_alpha_bar(double alpha_bar);
// Variance preserving, from sigma / alpha >= 0.
NoiseLevel level_from_ratio(double ratio);
// Variance preserving, from log(alpha / sigma).
NoiseLevel level_from_lambda(double lambda);
// Flow matching: alpha = 1 - sigma, sigma in [0, 1].
NoiseLevel flow_level(double sigma);
// alpha = cos(pi t / 2), sigma = sin(pi t / 2), t in [0, 1]; exactly 0 and 1 at the ends.
NoiseLevel cosine_level(double t);

}  // namespace zoetrope::diffusion
