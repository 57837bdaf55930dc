// Convolution layers on channels-last activations.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "nn/linear.h"
#include "ops/conv.h"
#include "weights/parameters.h"

namespace zoetrope::nn {

// Square convolution, [n, h, w, in] -> [n, h', w', out], weight [out, in, k, k].
class Conv2d {
 public:
  struct Options {
    int64_t kernel = 3;
    int64_t stride = 1;
    int64_t padding = 1;
    Start start = Start::kDefault;
  };
  Conv2d(const weights::Scope& scope, int64_t in, int64_t out);
  Conv2d(const weights::Scope& scope, int64_t in, int64_t out, const Options& options);
  at::Tensor operator()(const at::Tensor& x) const;
  at::ScalarType dtype() const { return weight_.scalar_type(); }

 private:
  at::Tensor weight_;
  at::Tensor bias_;
  ops::ConvGeometry geometry_;
};

// Convolution of three frames, [b, f, h, w, in] -> [b, f, h, w, out]; the checkpoint holds a
// three-dimensional kernel [out, in, 3, 1, 1]. Frames outside the clip count as zeros.
class TemporalConv {
 public:
  TemporalConv(const weights::Scope& scope, int64_t in, int64_t out, Start start = Start::kDefault);
  at::Tensor operator()(const at::Tensor& x) const;

 private:
  at::Tensor weight_;
  at::Tensor bias_;
};

}  // namespace zoetrope::nn
