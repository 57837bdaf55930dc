#include "ops/attention_fp8.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "kernels/quantise_heads/quantise_heads.h"
#include "ops/quantise.h"

namespace zoetrope::ops {
namespace {

using at::Tensor;

thread_local AttentionPrecision asked = AttentionPrecision::kExact;

// Below it the attention is a small part of a block, and the conversions a large part of it.
constexpr int64_t kFewestKeys = 2048;

Tensor to_e4m3(const Tensor& x) {
  return x.clamp(-kLargestFp8, kLargestFp8).to(at::kFloat8_e4m3fn);
}

// A tensor's scales [b], as numbers that multiply [b, n, heads, d].
Tensor of_samples(const Tensor& pairs, int64_t which) {
  return pairs.select(1, which).select(1, 0).view({-1, 1, 1, 1});
}

}  // namespace

std::string_view to_string(AttentionPrecision precision) {
  return precision == AttentionPrecision::kFp8 ? "fp8" : "exact";
}

AttentionScope::AttentionScope(AttentionPrecision precision) : before_(asked) { asked = precision; }
AttentionScope::~AttentionScope() { asked = before_; }

namespace fp8 {

bool wanted(const AttentionProblem& p) {
  const int64_t d = p.q.size(-1);
  return asked == AttentionPrecision::kFp8 && p.q.scalar_type() == at::kBFloat16 &&
         p.q.sizes() == p.k.sizes() && p.q.sizes() == p.v.sizes() && p.k.size(1) >= kFewestKeys &&
         (d == 64 || d == 128) && !p.mask.causal && !p.mask.additive.defined() &&
         !p.shared.k.defined() && !p.grad();
}

bool supports(const AttentionProblem& p) { return p.q.is_cpu() && wanted(p); }

QuantisedHeads quantise(const Tensor& q, const Tensor& k, const Tensor& v) {
  const Tensor x = at::stack({q, k, v}).to(at::kFloat);
  const int64_t b = q.size(0);
  QuantisedHeads heads;
  heads.mean = x.mean(2).flatten(2);
  heads.mean[0].zero_();
  const Tensor centred = x - heads.mean.view({3, b, 1, x.size(3), x.size(4)});
  const Tensor descale =
      (centred.abs().amax({2, 3, 4}) / kLargestFp8).clamp_min(kSmallestScale).flatten();
  heads.scales = at::zeros({3 * b + 1, 2, kernels::kScaleFloats}, descale.options());
  const Tensor pairs = heads.scales.select(2, 0);
  pairs.narrow(0, 0, 3 * b).select(1, 0).copy_(descale);
  pairs.narrow(0, 0, 3 * b).select(1, 1).copy_(descale.reciprocal());
  pairs[3 * b][0].fill_(1 / kernels::kSoftmaxScale);
  pairs[3 * b][1].fill_(kernels::kSoftmaxScale);
  heads.values =
      to_e4m3(centred * of_samples(heads.scales.narrow(0, 0, 3 * b), 1).view({3, b, 1, 1, 1}));
  return heads;
}

// A head of a sample and some of its queries at a time. The softmax's weights are rounded relative
// to their row's largest, which is how a kernel that never holds a whole row has them.
Tensor products(const QuantisedHeads& heads) {
  constexpr int64_t kQueries = 1024;
  const int64_t b = heads.values.size(1), n = heads.values.size(2);
  const double root = std::sqrt(static_cast<double>(heads.values.size(4)));
  const Tensor out = at::empty_like(heads.values[0]);
  for (int64_t i = 0; i < b; ++i) {
    const auto heads_first = [&](int64_t which) {
      return heads.values[which][i].to(at::kFloat).transpose(0, 1);
    };
    const Tensor q = heads_first(0), k = heads_first(1).transpose(1, 2), v = heads_first(2);
    const Tensor to_scores = heads.scales[i][0][0] * heads.scales[b + i][0][0] / root;
    for (int64_t first = 0; first < n; first += kQueries) {
      const int64_t count = std::min(kQueries, n - first);
      for (int64_t h = 0; h < q.size(0); ++h) {
        const Tensor scores = at::matmul(q[h].narrow(0, first, count), k[h]) * to_scores;
        const Tensor weights = (scores - scores.amax(-1, /*keepdim=*/true)).exp();
        const Tensor rounded = to_e4m3(weights * kernels::kSoftmaxScale).to(at::kFloat);
        const Tensor sum = weights.sum(-1, /*keepdim=*/true) * kernels::kSoftmaxScale;
        out[i].narrow(0, first, count).select(1, h).copy_(to_e4m3(at::matmul(rounded, v[h]) / sum));
      }
    }
  }
  return out;
}

Tensor restore(const Tensor& result, const QuantisedHeads& heads) {
  const int64_t b = result.size(0);
  const Tensor mean = heads.mean[2].view({b, 1, result.size(2), result.size(3)});
  const Tensor descale = of_samples(heads.scales.narrow(0, 2 * b, b), 0);
  return (result.to(at::kFloat) * descale + mean).to(at::kBFloat16);
}

Tensor attention(const AttentionProblem& p) {
  const QuantisedHeads heads = quantise(p.q, p.k, p.v);
  return restore(products(heads), heads);
}

}  // namespace fp8
}  // namespace zoetrope::ops
