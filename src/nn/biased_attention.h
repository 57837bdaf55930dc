// Self-attention whose projections all have biases (CLIP's encoders, the autoencoder's mid block).
// Immutable after construction; any thread may call it.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string_view>

#include "nn/attention.h"
#include "nn/linear.h"
#include "ops/attention.h"
#include "weights/parameters.h"

namespace zoetrope::nn {

// What a checkpoint calls the four layers.
struct AttentionNames {
  std::string_view q, k, v, out;
};

class BiasedSelfAttention {
 public:
  BiasedSelfAttention(const weights::Scope& scope, const AttentionNames& names, int64_t channels,
                      HeadLayout heads);
  // x [b, n, channels] -> the same shape
  at::Tensor operator()(const at::Tensor& x, const ops::AttentionMask& mask = {}) const;

 private:
  HeadLayout heads_;
  Linear q_, k_, v_, out_;
};

}  // namespace zoetrope::nn
