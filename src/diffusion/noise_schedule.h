// How noise grows with time: three families, immutable values.
//
// DiscreteSchedule: the table of DDPM-style betas (diffusers' DDIM, DPM and UniPC schedulers).
// CosineSchedule:   continuous alpha = cos(pi t / 2) of the bundled model; zero terminal SNR by
//                   construction.
// FlowSchedule:     flow matching, alpha = 1 - sigma, with its time shift.
#pragma once

#include <optional>
#include <vector>

#include "diffusion/noise_level.h"

namespace zoetrope::diffusion {

enum class BetaCurve { kLinear, kScaledLinear, kSquaredCosine };

struct BetaOptions {
  int num_train_timesteps = 1000;
  double beta_start = 0.0001;
  double beta_end = 0.02;
  BetaCurve curve = BetaCurve::kLinear;
  // Rescales the table so that its last entry is pure noise (Lin et al., arXiv 2305.08891).
  bool rescale_betas_zero_snr = false;
};

class DiscreteSchedule {
 public:
  explicit DiscreteSchedule(const BetaOptions& options);

  int size() const { return static_cast<int>(alpha_bar_.size()); }
  bool zero_terminal_snr() const { return zero_terminal_snr_; }

  // The level of entry t, 0 <= t < size(). With zero terminal SNR the last one has alpha = 0.
  NoiseLevel level(int t) const;

  // sigma / alpha of every entry, as the multistep schedulers of diffusers keep it: under zero
  // terminal SNR the last alpha^2 counts as 2^-24, so its ratio is 4096 and not infinite.
  const std::vector<float>& ratios() const { return ratios_; }
  // Time, between the entries, at which log(sigma / alpha) has this value: linear in it and clamped
  // to the table (diffusers, EulerDiscreteScheduler._sigma_to_t).
  double time_of_log_ratio(double log_ratio) const;
  // The same for log(alpha / sigma), linear in log(alpha) as in the DPM-Solver authors' code.
  // `lambda` must lie in the part of the table with alpha > 0.
  double time_of_lambda(double lambda) const;

 private:
  bool zero_terminal_snr_;
  std::vector<float> alpha_bar_;  // fp32 bits as torch computes them: the last digits matter at t=0
  std::vector<float> ratios_;
  std::vector<float> log_ratios_;
};

class CosineSchedule {
 public:
  // `time_shift` s: uniform time u is mapped to t = s u / (1 + (s - 1) u). The network is told
  // t * num_train_timesteps.
  explicit CosineSchedule(double time_shift = 1.0, int num_train_timesteps = 1000)
      : time_shift_(time_shift), num_train_timesteps_(num_train_timesteps) {}

  double shifted(double u) const { return time_shift_ * u / (1.0 + (time_shift_ - 1.0) * u); }
  double timestep(double t) const { return t * num_train_timesteps_; }
  // The time t at which log(alpha / sigma) is `lambda`.
  static double time_of_lambda(double lambda);

 private:
  double time_shift_;
  int num_train_timesteps_;
};

struct FlowSchedule {
  enum class DynamicShift { kNone, kExponential, kLinear };

  int num_train_timesteps = 1000;
  double shift = 1.0;
  // Unless kNone the shift comes with the request (it grows with the size of the picture) as mu:
  // exp(mu) or mu itself.
  DynamicShift dynamic = DynamicShift::kNone;

  // The shift s of sigma' = s sigma / (1 + (s - 1) sigma). Throws if `mu` is missing or unwanted.
  double effective_shift(std::optional<double> mu) const;
};

}  // namespace zoetrope::diffusion
