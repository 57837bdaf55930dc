#include "train/adamw.h"

#include <ATen/ATen.h>

namespace zoetrope::train {

FlatAdamW::FlatAdamW(FlatParameters& parameters, const AdamWOptions& options)
    : parameters_(parameters),
      options_(options),
      first_moment_(at::zeros_like(parameters.masters())),
      second_moment_(at::zeros_like(parameters.masters())),
      ema_(parameters.masters().clone()),
      steps_decayed_(at::zeros({}, parameters.masters().options())),
      steps_plain_(at::zeros({}, parameters.masters().options())) {}

at::Tensor FlatAdamW::step(const std::vector<at::Tensor>& gradients,
                           const at::Tensor& learning_rate, const at::Tensor& ema_rate) {
  const at::Tensor flat = parameters_.flatten_gradients(gradients);
  const at::Tensor norm = flat.norm();
  // The kernel divides gradients by `scale`: one when the norm is within bounds.
  const at::Tensor scale = (norm / options_.clip_norm).clamp_min(1.0);
  const int64_t decayed = parameters_.decayed_size();
  update(0, decayed, options_.weight_decay, flat, learning_rate, scale, steps_decayed_);
  update(decayed, parameters_.size() - decayed, 0.0, flat, learning_rate, scale, steps_plain_);
  ema_.add_((parameters_.masters() - ema_) * ema_rate);
  parameters_.refresh_leaves();
  return norm;
}

void FlatAdamW::update(int64_t begin, int64_t length, double weight_decay,
                       const at::Tensor& gradients, const at::Tensor& learning_rate,
                       const at::Tensor& scale, const at::Tensor& steps) {
  if (length == 0) return;
  steps.add_(1.0);
  const auto part = [&](const at::Tensor& t) {
    return std::vector<at::Tensor>{t.narrow(0, begin, length)};
  };
  auto weights = part(parameters_.masters());
  auto gradient = part(gradients);
  auto first = part(first_moment_);
  auto second = part(second_moment_);
  const at::Tensor found_inf = at::zeros_like(scale);
  at::_fused_adamw_(weights, gradient, first, second, {}, {steps}, learning_rate, options_.beta1,
                    options_.beta2, weight_decay, options_.eps, /*amsgrad=*/false,
                    /*maximize=*/false, scale, found_inf);
}

std::map<std::string, at::Tensor> FlatAdamW::state() const {
  return {{"masters", parameters_.masters()}, {"first_moment", first_moment_},
          {"second_moment", second_moment_},  {"ema", ema_},
          {"steps_decayed", steps_decayed_},  {"steps_plain", steps_plain_}};
}

}  // namespace zoetrope::train
