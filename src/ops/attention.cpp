#include "ops/attention.h"

#include <ATen/ATen.h>

#include <cmath>

#include "ops/ladder.h"
#include "ops/problems.h"

namespace zoetrope::ops {

bool AttentionProblem::grad() const {
  return needs_grad({&q, &k, &v, &mask.additive, &shared.k, &shared.v});
}
bool TemporalAttentionProblem::grad() const { return needs_grad({&q, &k, &v, &qkv}); }

namespace {

// A problem whose shared keys stand behind everyone's own.
template <at::Tensor (*run)(const AttentionProblem&)>
at::Tensor joined(const AttentionProblem& p) {
  if (!p.shared.k.defined()) return run(p);
  const auto behind = [&](const at::Tensor& own, const at::Tensor& shared) {
    const int64_t samples = own.size(0) / shared.size(0);
    return at::cat({own, shared.unsqueeze(1).expand({-1, samples, -1, -1, -1}).flatten(0, 1)}, 1);
  };
  const at::Tensor k = behind(p.k, p.shared.k), v = behind(p.v, p.shared.v);
  return run({p.q, k, v, p.mask, {}});
}

at::Tensor attention_aten(const AttentionProblem& p) {
  std::optional<at::Tensor> additive;
  if (p.mask.additive.defined()) additive = p.mask.additive;
  return at::scaled_dot_product_attention(p.q.transpose(1, 2), p.k.transpose(1, 2),
                                          p.v.transpose(1, 2), additive, 0.0, p.mask.causal)
      .transpose(1, 2)
      .contiguous();
}

at::Tensor temporal_attention_aten(const TemporalAttentionProblem& p) {
  // Plain batched products: 65,536 sequences of 16 tokens are beyond the fused kernels' launch
  // grid.
  const auto to_rows = [](const at::Tensor& t) { return t.permute({0, 2, 3, 1, 4}); };
  const double scale = 1.0 / std::sqrt(static_cast<double>(p.q.size(-1)));
  const at::Tensor scores = at::matmul(to_rows(p.q) * scale, to_rows(p.k).transpose(-1, -2));
  const at::Tensor weights = at::softmax(scores, -1, at::kFloat).to(p.v.scalar_type());
  return at::matmul(weights, to_rows(p.v)).permute({0, 3, 1, 2, 4}).contiguous();
}

template <class Problem>
bool on_cpu_without_grad(const Problem& problem) {
  return problem.q.is_cpu() && !problem.grad();
}

Ladder<AttentionProblem> attention_ladder("attention",
                                          {{"avx512", avx512::supports, avx512::attention},
                                           {"aten", always, joined<attention_aten>},
                                           {"reference", on_cpu_without_grad,
                                            joined<reference::attention>}});

Ladder<TemporalAttentionProblem> temporal_ladder(
    "temporal_attention", {{"cuda", cuda::supports, cuda::temporal_attention},
                           {"avx512", avx512::supports, avx512::temporal_attention},
                           {"aten", always, temporal_attention_aten},
                           {"reference", on_cpu_without_grad, reference::temporal_attention}});

}  // namespace

at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                     const AttentionMask& mask) {
  return attention_ladder({q, k, v, mask, {}});
}

at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                     const SharedKeys& shared) {
  return attention_ladder({q, k, v, {}, shared});
}

at::Tensor temporal_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  return temporal_ladder({q, k, v, {}});
}

at::Tensor temporal_attention(const at::Tensor& qkv) {
  return temporal_ladder({qkv.select(3, 0), qkv.select(3, 1), qkv.select(3, 2), qkv});
}

}  // namespace zoetrope::ops
