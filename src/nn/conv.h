// Convolution layers on channels-last activations.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "nn/linear.h"
#include "nn/norm.h"
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
    bool enlarging = false;  // made for of_enlarged
  };
  Conv2d(const weights::Scope& scope, int64_t in, int64_t out);
  Conv2d(const weights::Scope& scope, int64_t in, int64_t out, const Options& options);
  at::Tensor operator()(const at::Tensor& x) const;
  // residual + the convolution of the norm of x; without a residual if that is undefined.
  at::Tensor of_normed(const ops::GroupNormParameters& norm, const at::Tensor& x,
                       const at::Tensor& residual = {}) const;
  // Of x enlarged to height x width by its nearest pixels, the sizes doubled or one less.
  at::Tensor of_enlarged(const at::Tensor& x, int64_t height, int64_t width) const;
  at::ScalarType dtype() const { return weight_.weight.scalar_type(); }

 private:
  ops::ConvWeight weight_;
};

// Convolution of three frames, [b, f, h, w, in] -> [b, f, h, w, out]; the checkpoint holds a
// three-dimensional kernel [out, in, 3, 1, 1]. Frames outside the clip count as zeros.
class TemporalConv {
 public:
  TemporalConv(const weights::Scope& scope, int64_t in, int64_t out, Start start = Start::kDefault);
  // residual + the convolution of the norm of x over the whole clip; without a residual if that is
  // undefined.
  at::Tensor of_normed(const ops::GroupNormParameters& norm, const at::Tensor& x,
                       const at::Tensor& residual = {}) const;

 private:
  ops::ConvWeight weight_;
};

}  // namespace zoetrope::nn
