// Linear layers. Parameters keep the checkpoint's names and layout; whether they are being trained
// is read off the tensors themselves.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string_view>
#include <vector>

#include "weights/parameters.h"

namespace zoetrope::nn {

enum class Bias { kNone, kPresent };
// How a layer starts: as torch does, or at zero (the last layer of a residual branch, so that a
// fresh block is the identity).
enum class Start { kDefault, kZero };

class Linear {
 public:
  Linear(const weights::Scope& scope, int64_t in, int64_t out, Bias bias = Bias::kPresent,
         Start start = Start::kDefault);
  at::Tensor operator()(const at::Tensor& x) const;  // [..., in] -> [..., out]
  int64_t out_features() const { return weight_.size(0); }

 private:
  at::Tensor weight_;  // [out, in]
  at::Tensor bias_;    // [out] or undefined
};

// Several bias-free linear layers over one input, run as one product: to_q, to_k, to_v. The
// checkpoint stores them apart.
class FusedLinear {
 public:
  FusedLinear(const weights::Scope& scope, const std::vector<std::string_view>& names, int64_t in,
              int64_t out_each);
  at::Tensor operator()(const at::Tensor& x) const;  // [..., in] -> [..., names * out_each]

 private:
  std::vector<at::Tensor> parts_;  // what an optimiser updates
  at::Tensor joined_;              // their concatenation; undefined while they are being trained
};

}  // namespace zoetrope::nn
