#include "ops/attention.h"

#include <ATen/ATen.h>

#include <cmath>

namespace zoetrope::ops {

at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                     const AttentionMask& mask) {
  std::optional<at::Tensor> additive;
  if (mask.additive.defined()) additive = mask.additive;
  return at::scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2),
                                          additive, 0.0, mask.causal)
      .transpose(1, 2)
      .contiguous();
}

at::Tensor temporal_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  // Plain batched products: 65,536 sequences of 16 tokens are beyond the fused kernels' launch
  // grid.
  const auto to_rows = [](const at::Tensor& t) { return t.permute({0, 2, 3, 1, 4}); };
  const double scale = 1.0 / std::sqrt(static_cast<double>(q.size(-1)));
  const at::Tensor scores = at::matmul(to_rows(q) * scale, to_rows(k).transpose(-1, -2));
  const at::Tensor weights = at::softmax(scores, -1, at::kFloat).to(v.scalar_type());
  return at::matmul(weights, to_rows(v)).permute({0, 3, 1, 2, 4}).contiguous();
}

}  // namespace zoetrope::ops
