// HiDream's feed-forward layers (diffusers, models/transformers/transformer_hidream_image.py:
// HiDreamImageFeedForwardSwiGLU, MoEGate, MOEFeedForwardSwiGLU).
// Immutable after construction; any thread may call them.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "nn/feed_forward.h"
#include "nn/grouped_linear.h"
#include "nn/linear.h"
#include "weights/parameters.h"

namespace zoetrope::models {

// SwiGLU with two thirds of `hidden` channels inside, rounded up to a multiple of 256.
nn::SwigluFeedForward hidream_feed_forward(const weights::Scope& scope, int64_t channels,
                                           int64_t hidden);

// A mixture of experts: every token goes through the shared one and, weighted by the softmax of the
// gate, through the `activated` ones that the gate scores highest.
//
// Tokens are sorted by expert, so that the experts are one product over groups of rows, and are
// summed in the order of their choices: the same bytes every time, and no host waits to know how
// many tokens an expert has (ops/experts.h).
class RoutedExperts {
 public:
  struct Counts {
    int64_t routed, activated;
  };
  RoutedExperts(const weights::Scope& scope, int64_t channels, int64_t hidden, Counts counts);
  at::Tensor operator()(const at::Tensor& x) const;  // [b, n, c] -> [b, n, c]

 private:
  int64_t experts_, activated_;
  nn::Linear gate_;
  nn::GroupedLinear in_, out_;
  nn::SwigluFeedForward shared_;
};

}  // namespace zoetrope::models
