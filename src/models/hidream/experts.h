// HiDream's feed-forward layers (diffusers, models/transformers/transformer_hidream_image.py:
// HiDreamImageFeedForwardSwiGLU, MoEGate, MOEFeedForwardSwiGLU).
// Immutable after construction; any thread may call them.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "nn/feed_forward.h"
#include "nn/linear.h"
#include "weights/parameters.h"

namespace zoetrope::models {

// SwiGLU with two thirds of `hidden` channels inside, rounded up to a multiple of 256.
nn::SwigluFeedForward hidream_feed_forward(const weights::Scope& scope, int64_t channels,
                                           int64_t hidden);

// A mixture of experts: every token goes through the shared one and, weighted by the softmax of the
// gate, through the `activated` ones that the gate scores highest.
//
// Tokens are sorted by expert, so each expert sees its own in one product, and are summed in the
// order of their choices: the same bytes every time. How many tokens an expert has must be known on
// the host, so a call waits once for the device. (All experts on all tokens, masked, would need no
// wait but 1.6 times the products of a whole block of HiDream-I1.)
class RoutedExperts {
 public:
  struct Counts {
    int64_t routed, activated;
  };
  RoutedExperts(const weights::Scope& scope, int64_t channels, int64_t hidden, Counts counts);
  at::Tensor operator()(const at::Tensor& x) const;  // [b, n, c] -> [b, n, c]

 private:
  // rows [r, c]; weight and expert [r, activated]: which experts a row goes to -> [r, c]
  at::Tensor routed(const at::Tensor& rows, const at::Tensor& weight,
                    const at::Tensor& expert) const;

  int64_t activated_;
  nn::Linear gate_;
  std::vector<nn::SwigluFeedForward> experts_;
  nn::SwigluFeedForward shared_;
};

}  // namespace zoetrope::models
