#include "nn/embedding.h"

#include <ATen/ATen.h>

#include <cmath>

#include "ops/activation.h"

namespace zoetrope::nn {

at::Tensor sinusoidal_embedding(const at::Tensor& values, int64_t channels) {
  const int64_t half = channels / 2;
  const auto options = values.options().dtype(at::kFloat);
  const at::Tensor frequency =
      at::exp(at::arange(half, options) * (-std::log(10000.0) / static_cast<double>(half)));
  const at::Tensor angle = values.to(at::kFloat).unsqueeze(1) * frequency;
  return at::cat({angle.cos(), angle.sin()}, 1);
}

EmbeddingMlp::EmbeddingMlp(const weights::Scope& first, const weights::Scope& second, int64_t in,
                           int64_t hidden, int64_t out, Start start)
    : first_(first, in, hidden), second_(second, hidden, out, Bias::kPresent, start) {}

at::Tensor EmbeddingMlp::operator()(const at::Tensor& x) const {
  return second_(ops::activate(first_(x), ops::Activation::kSilu));
}

}  // namespace zoetrope::nn
