// Embeddings of scalars: noise level, frame rate, motion strength.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "nn/linear.h"
#include "weights/parameters.h"

namespace zoetrope::nn {

// Sinusoidal embedding, cosines first then sines (diffusers: Timesteps with flip_sin_to_cos=True
// and downscale_freq_shift=0). values [n], any floating dtype -> [n, channels] fp32.
at::Tensor sinusoidal_embedding(const at::Tensor& values, int64_t channels);

// Linear, SiLU, linear. The checkpoint names of the two layers differ between uses.
class EmbeddingMlp {
 public:
  EmbeddingMlp(const weights::Scope& first, const weights::Scope& second, int64_t in,
               int64_t hidden, int64_t out, Start start = Start::kDefault);
  at::Tensor operator()(const at::Tensor& x) const;  // [n, in] -> [n, out]

 private:
  Linear first_, second_;
};

}  // namespace zoetrope::nn
