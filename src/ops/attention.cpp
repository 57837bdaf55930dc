#include "ops/attention.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "ops/attention_fp8.h"
#include "ops/ladder.h"
#include "ops/problems.h"
#include "tensor/dry_run.h"

namespace zoetrope::ops {

bool AttentionProblem::grad() const {
  return needs_grad({&q, &k, &v, &mask.additive, &shared.k, &shared.v});
}
bool TemporalAttentionProblem::grad() const { return needs_grad({&q, &k, &v, &qkv}); }

namespace {

constexpr int64_t kMostCudnnHeadDim = 128;

bool on_gpu(const at::Tensor& t) { return tensor::stands_for(t.device()).is_cuda(); }

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

// cuDNN's fused kernel by name: ATen's own choice prefers slower ones. It reads strided views, and
// its result lies in memory as q does: no copy on the way.
at::Tensor attention_cudnn(const AttentionProblem& p) {
  const auto results = at::_scaled_dot_product_cudnn_attention(
      p.q.transpose(1, 2), p.k.transpose(1, 2), p.v.transpose(1, 2), /*attn_bias=*/std::nullopt,
      /*compute_log_sumexp=*/false, /*dropout_p=*/0.0, p.mask.causal);
  return std::get<0>(results).transpose(1, 2).contiguous();
}

bool suits_cudnn(const AttentionProblem& p) {
  const at::ScalarType dtype = p.q.scalar_type();
  const int64_t d = p.q.size(-1);
  return on_gpu(p.q) && (dtype == at::kBFloat16 || dtype == at::kHalf) && d % 8 == 0 &&
         d <= kMostCudnnHeadDim && !p.mask.additive.defined() && !p.grad() &&
         at::globalContext().userEnabledCuDNNSDP();
}

// Heads wider than the fused kernels take (an autoencoder's one head over all pixels): two matrix
// products around a softmax, so many queries at a time that the scores stay small.
at::Tensor attention_products(const AttentionProblem& p) {
  constexpr int64_t kMostScores = int64_t{1} << 26;
  const int64_t b = p.q.size(0), heads = p.q.size(2);
  const auto heads_first = [](const at::Tensor& t) { return t.transpose(1, 2).flatten(0, 1); };
  const at::Tensor q = heads_first(p.q), k = heads_first(p.k).transpose(1, 2);
  const at::Tensor v = heads_first(p.v);
  const double scale = 1.0 / std::sqrt(static_cast<double>(p.q.size(-1)));
  const at::Tensor out = at::empty(p.q.sizes(), p.q.options());
  const int64_t chunk = std::max<int64_t>(1, kMostScores / (b * heads * p.k.size(1)));
  for (int64_t i = 0; i < p.q.size(1); i += chunk) {
    const int64_t count = std::min(chunk, p.q.size(1) - i);
    // Scores in fp32: rounded to 16 bits they would be the largest error of all.
    const at::Tensor some = q.narrow(1, i, count);
    const at::Tensor scores = at::bmm(some, k, at::kFloat).mul_(scale);
    const at::Tensor weights = at::softmax(scores, -1).to(p.v.scalar_type());
    const at::Tensor rows = at::bmm(weights, v).unflatten(0, {b, heads});
    out.narrow(1, i, count).copy_(rows.transpose(1, 2));
  }
  return out;
}

bool suits_products(const AttentionProblem& p) {
  return on_gpu(p.q) && p.q.size(-1) > kMostCudnnHeadDim && !p.mask.causal &&
         !p.mask.additive.defined() && !p.grad();
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
                                          {{"cudnn_fp8", cudnn::supports, cudnn::attention},
                                           {"aten_fp8", fp8::supports, fp8::attention},
                                           {"cudnn", suits_cudnn, joined<attention_cudnn>},
                                           {"products", suits_products, joined<attention_products>},
                                           {"avx512", avx512::supports, avx512::attention},
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
