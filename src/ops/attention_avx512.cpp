#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <cmath>

#include "kernels/attention/attention_avx512.h"
#include "ops/avx512_support.h"
#include "ops/problems.h"

namespace zoetrope::ops::avx512 {
namespace {

using at::Tensor;
using kernels::avx512::AttentionHead;

constexpr int64_t kQueries = 256;      // of one piece of work; it lays the keys out for itself
constexpr int64_t kMaxKeys = 1 << 15;  // a block of eight rows of scores stays in the cache

bool has_rows(const Tensor& t) {
  return is_bf16(t) && t.stride(-1) == 1 && t.size(-1) % 32 == 0 && t.numel() > 0;
}

// Runs `count` heads, each described by head(i), spread over the threads.
template <class F>
void for_heads(int64_t count, int64_t nk, int64_t d, F head) {
  const int64_t bytes = kernels::avx512::attention_scratch(nk, d);
  at::parallel_for(0, count, 1, [&](int64_t begin, int64_t end) {
    const Tensor scratch = at::empty({bytes}, at::kByte);  // on a 64-byte boundary
    for (int64_t i = begin; i < end; ++i) {
      kernels::avx512::attention(head(i), scratch.data_ptr());
    }
  });
}

float scale_of(const Tensor& q) { return 1.0f / std::sqrt(static_cast<float>(q.size(-1))); }

}  // namespace

bool supports(const AttentionProblem& p) {
  return kernels::has_avx512_bf16() && !p.grad() && !p.mask.causal && !p.mask.additive.defined() &&
         has_rows(p.q) && has_rows(p.k) && has_rows(p.v) && p.k.size(1) <= kMaxKeys;
}

Tensor attention(const AttentionProblem& p) {
  const Tensor &q = p.q, &k = p.k, &v = p.v;
  const Tensor out = at::empty(q.sizes(), q.options());
  const int64_t nq = q.size(1), heads = q.size(2), blocks = (nq + kQueries - 1) / kQueries;
  const auto at = [](const Tensor& t, int64_t sample, int64_t head) {
    return bits(t) + sample * t.stride(0) + head * t.stride(2);
  };
  for_heads(q.size(0) * heads * blocks, k.size(1), q.size(3), [&](int64_t i) {
    const int64_t sample = i / blocks / heads, head = i / blocks % heads;
    const int64_t first = i % blocks * kQueries;
    return AttentionHead{
        at(q, sample, head) + first * q.stride(1),
        at(k, sample, head),
        at(v, sample, head),
        mutable_bits(out) + sample * out.stride(0) + head * out.stride(2) + first * out.stride(1),
        q.stride(1),
        k.stride(1),
        v.stride(1),
        out.stride(1),
        std::min(kQueries, nq - first),
        k.size(1),
        q.size(3),
        scale_of(q)};
  });
  return out;
}

bool supports(const TemporalAttentionProblem& p) {
  return kernels::has_avx512_bf16() && !p.grad() && has_rows(p.q) && has_rows(p.k) &&
         has_rows(p.v) && p.q.size(1) <= kMaxKeys;
}

Tensor temporal_attention(const TemporalAttentionProblem& p) {
  const Tensor &q = p.q, &k = p.k, &v = p.v;
  const Tensor out = at::empty(q.sizes(), q.options());
  const int64_t frames = q.size(1), positions = q.size(2), heads = q.size(3);
  for_heads(q.size(0) * positions * heads, frames, q.size(4), [&](int64_t i) {
    const int64_t sample = i / heads / positions, position = i / heads % positions;
    const auto offset = [&](const Tensor& t) {
      return sample * t.stride(0) + position * t.stride(2) + i % heads * t.stride(3);
    };
    return AttentionHead{bits(q) + offset(q),
                         bits(k) + offset(k),
                         bits(v) + offset(v),
                         mutable_bits(out) + offset(out),
                         q.stride(1),
                         k.stride(1),
                         v.stride(1),
                         out.stride(1),
                         frames,
                         frames,
                         q.size(4),
                         scale_of(q)};
  });
  return out;
}

}  // namespace zoetrope::ops::avx512
