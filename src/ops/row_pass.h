// What surrounds the products of a transformer, as one pass over its rows (last dimensions): a
// residual sum or an activation, a norm, a modulation, and the form the next product wants. Norms
// and activations in norm.h and activation.h are made of it.
#pragma once

#include <ATen/core/Tensor.h>

#include "ops/activation.h"
#include "ops/rows.h"

namespace zoetrope::ops {

enum class RowSource {
  kSingle,   // first(x)
  kSum,      // x + gate * y
  kProduct,  // first(x) * y
};
enum class NormKind { kNone, kLayer, kRms };

// In order of application; tensors may be undefined. Statistics are fp32 whatever the dtype.
struct RowPass {
  RowSource source = RowSource::kSingle;
  at::Tensor x;     // [b, n, c]; where nothing has b or n, any [..., c]
  at::Tensor y;     // as x
  at::Tensor gate;  // broadcasts to x, as scale and shift do; they have x's dtype or fp32
  Activation first = Activation::kNone;

  NormKind norm = NormKind::kNone;
  double eps = 1e-6;
  at::Tensor weight, bias;  // [c]: * weight + bias
  at::Tensor scale, shift;  // then * (1 + scale) + shift; both or neither
  Activation last = Activation::kNone;

  RowFormat format = RowFormat::kPlain;
};

struct RowPassResult {
  Rows rows;
  at::Tensor sum;  // of RowSource::kSum, in x's dtype
};

RowPassResult row_pass(const RowPass& pass);

// x + gate * y; gate [b, 1, c] or [b, n, c].
at::Tensor gated_add(const at::Tensor& x, const at::Tensor& gate, const at::Tensor& y);

}  // namespace zoetrope::ops
