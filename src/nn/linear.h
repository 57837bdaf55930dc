// Linear layers. Parameters keep the checkpoint's names and layout; whether they are being trained
// is read off the tensors themselves.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string_view>
#include <vector>

#include "nn/norm.h"
#include "ops/linear.h"
#include "weights/parameters.h"

namespace zoetrope::nn {

enum class Bias { kNone, kPresent };
// How a layer starts: as torch does, or at zero (the last layer of a residual branch, so that a
// fresh block is the identity).
enum class Start { kDefault, kZero };

// What may run in one pass with a linear layer: everything but `norm` may be left out.
struct Prologue {
  const LayerNorm& norm;  // of the input
  at::Tensor position;    // then added to it: a table, see ops::LinearFusion
  int64_t position_repeat = 1;
};

class Linear {
 public:
  Linear(const weights::Scope& scope, int64_t in, int64_t out, Bias bias = Bias::kPresent,
         Start start = Start::kDefault);
  at::Tensor operator()(const at::Tensor& x) const;  // [..., in] -> [..., out]
  // residual + the same
  at::Tensor operator()(const at::Tensor& x, const at::Tensor& residual) const;
  int64_t out_features() const { return weight_.weight.size(0); }

 private:
  ops::LinearWeight weight_;
};

// A linear layer whose result [values, gates] goes through GEGLU, of the LayerNorm of its input.
class GatedLinear {
 public:
  GatedLinear(const weights::Scope& scope, int64_t in, int64_t out);
  at::Tensor operator()(const at::Tensor& x, const Prologue& prologue) const;  // -> [..., out]

 private:
  ops::LinearWeight weight_;
};

// Several linear layers over one input, run as one product: to_q, to_k, to_v. The checkpoint stores
// them apart.
class FusedLinear {
 public:
  FusedLinear(const weights::Scope& scope, const std::vector<std::string_view>& names, int64_t in,
              int64_t out_each, Bias bias = Bias::kNone);
  at::Tensor operator()(const at::Tensor& x) const;  // [..., in] -> [..., names * out_each]
  at::Tensor operator()(const at::Tensor& x, const Prologue& prologue) const;

 private:
  at::Tensor run(const at::Tensor& x, const ops::LinearFusion& fusion) const;

  std::vector<at::Tensor> weights_, biases_;  // what an optimiser updates
  ops::LinearWeight joined_;  // their concatenation; undefined while they are being trained
};

}  // namespace zoetrope::nn
