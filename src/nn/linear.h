// Linear layers. Parameters keep the checkpoint's names and layout; whether they are being trained
// is read off the tensors themselves, and in which format a weight is held is the source's matter
// (weights::Scope::format): a model does not know. Immutable after construction; any thread may
// call them.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string_view>
#include <vector>

#include "nn/norm.h"
#include "ops/linear.h"
#include "ops/rows.h"
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

  // What saves the layer a pass: rows in this format. It takes plain ones too.
  ops::RowFormat input_format() const { return weight_.row_format(); }
  at::Tensor operator()(const ops::Rows& x) const;  // [..., in] -> [..., out]
  // residual + the same
  at::Tensor operator()(const ops::Rows& x, const at::Tensor& residual) const;
  // The activation of the same, in the format that the next layer asks for.
  ops::Rows activated(const ops::Rows& x, ops::Activation activation, ops::RowFormat result) const;
  // The same written to `out`, which may be a slice of something wider.
  void into(const at::Tensor& out, const ops::Rows& x,
            ops::Activation activation = ops::Activation::kNone) const;
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
// them apart; the result holds theirs one behind the other. All are in the first one's format.
class FusedLinear {
 public:
  struct Part {
    std::string_view name;
    int64_t out;
  };
  FusedLinear(const weights::Scope& scope, const std::vector<Part>& parts, int64_t in,
              Bias bias = Bias::kNone);
  FusedLinear(const weights::Scope& scope, const std::vector<std::string_view>& names, int64_t in,
              int64_t out_each, Bias bias = Bias::kNone);

  ops::RowFormat input_format() const;
  at::Tensor operator()(const ops::Rows& x) const;  // [..., in] -> [..., sum of the parts' out]
  at::Tensor operator()(const at::Tensor& x, const Prologue& prologue) const;
  void into(const at::Tensor& out, const ops::Rows& x) const;  // as Linear's

 private:
  at::Tensor run(const ops::Rows& x, const ops::LinearFusion& fusion) const;

  std::vector<ops::LinearWeight> parts_;  // what an optimiser updates
  ops::LinearWeight joined_;              // all of them; undefined while they are being trained
};

}  // namespace zoetrope::nn
