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
using kernels::avx512::AttentionKeys;

constexpr int64_t kQueries = 256;      // of one piece of work; it lays the values out for itself
constexpr int64_t kMaxKeys = 1 << 15;  // of a set: the values of a head stay in the caches

bool has_rows(const Tensor& t) {
  return is_bf16(t) && t.stride(-1) == 1 && t.size(-1) % 32 == 0 && t.numel() > 0;
}

// Runs `count` heads, each described by head(i) and as large as head(0), spread over the threads.
template <class F>
void for_heads(int64_t count, F head) {
  const int64_t bytes = kernels::avx512::attention_scratch(head(0));
  at::parallel_for(0, count, 1, [&](int64_t begin, int64_t end) {
    const Tensor scratch = at::empty({bytes}, at::kByte);  // on a 64-byte boundary
    for (int64_t i = begin; i < end; ++i) {
      kernels::avx512::attention(head(i), scratch.data_ptr());
    }
  });
}

float scale_of(const Tensor& q) { return 1.0f / std::sqrt(static_cast<float>(q.size(-1))); }

// k, v [b, n, heads, d]
AttentionKeys keys_of(const Tensor& k, const Tensor& v, int64_t sample, int64_t head) {
  return {bits(k) + sample * k.stride(0) + head * k.stride(2),
          bits(v) + sample * v.stride(0) + head * v.stride(2), k.stride(1), v.stride(1), k.size(1)};
}

}  // namespace

bool supports(const AttentionProblem& p) {
  const SharedKeys& s = p.shared;
  return kernels::has_avx512_bf16() && !p.grad() && !p.mask.causal && !p.mask.additive.defined() &&
         has_rows(p.q) && has_rows(p.k) && has_rows(p.v) && p.k.size(1) <= kMaxKeys &&
         (!s.k.defined() || (has_rows(s.k) && has_rows(s.v) && s.k.size(1) <= kMaxKeys));
}

Tensor attention(const AttentionProblem& p) {
  const Tensor& q = p.q;
  const Tensor out = at::empty(q.sizes(), q.options());
  const int64_t b = q.size(0), nq = q.size(1), heads = q.size(2);
  const int64_t blocks = (nq + kQueries - 1) / kQueries;
  const int64_t sharing = p.shared.k.defined() ? b / p.shared.k.size(0) : 1;
  for_heads(b * heads * blocks, [&](int64_t i) {
    const int64_t sample = i / blocks / heads, head = i / blocks % heads;
    const int64_t first = i % blocks * kQueries;
    const auto at = [&](const Tensor& t) {
      return sample * t.stride(0) + head * t.stride(2) + first * t.stride(1);
    };
    AttentionHead h{.q = bits(q) + at(q),
                    .out = mutable_bits(out) + at(out),
                    .q_stride = q.stride(1),
                    .out_stride = out.stride(1),
                    .nq = std::min(kQueries, nq - first),
                    .d = q.size(3),
                    .scale = scale_of(q),
                    .keys = {keys_of(p.k, p.v, sample, head), {}}};
    if (p.shared.k.defined()) {
      h.keys[1] = keys_of(p.shared.k, p.shared.v, sample / sharing, head);
    }
    return h;
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
  for_heads(q.size(0) * positions * heads, [&](int64_t i) {
    const int64_t sample = i / heads / positions, position = i / heads % positions;
    const auto at = [&](const Tensor& t) {
      return sample * t.stride(0) + position * t.stride(2) + i % heads * t.stride(3);
    };
    return AttentionHead{
        .q = bits(q) + at(q),
        .out = mutable_bits(out) + at(out),
        .q_stride = q.stride(1),
        .out_stride = out.stride(1),
        .nq = frames,
        .d = q.size(4),
        .scale = scale_of(q),
        .keys = {{bits(k) + at(k), bits(v) + at(v), k.stride(1), v.stride(1), frames}, {}}};
  });
  return out;
}

}  // namespace zoetrope::ops::avx512
