#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "kernels/group_norm/group_norm_avx512.h"
#include "kernels/layer_norm/layer_norm_avx512.h"
#include "ops/avx512_support.h"
#include "ops/problems.h"

namespace zoetrope::ops::avx512 {
namespace {

using at::Tensor;

constexpr int64_t kRowGrain = 64;  // rows a thread takes at least

bool is_vector_parameter(const Tensor& t) { return is_bf16(t) && t.is_contiguous(); }

bool is_modulation(const Tensor& t, const Tensor& x) {
  return is_bf16(t) && t.dim() == 2 && t.size(0) == x.size(0) && t.size(1) == x.size(-1) &&
         t.stride(1) == 1;
}

// Calls f(sample, chunk) for all of both, spread over the threads.
template <class F>
void for_chunks(int64_t n, int64_t chunks, F f) {
  at::parallel_for(0, n * chunks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) f(i / chunks, i % chunks);
  });
}

}  // namespace

bool supports(const GroupNormProblem& problem) {
  const GroupNormParameters& p = problem.p;
  const Tensor& x = problem.x;
  if (problem.grad() || !suits(x) || x.dim() < 2 || x.size(-1) % 16 != 0) return false;
  if (p.activation != Activation::kNone && p.activation != Activation::kSilu) return false;
  if (!is_vector_parameter(p.weight) || !is_vector_parameter(p.bias)) return false;
  return !p.scale.defined() || (is_modulation(p.scale, x) && is_modulation(p.shift, x) &&
                                p.scale.stride(0) == p.shift.stride(0));
}

GroupNormFold::GroupNormFold(const Tensor& x, const GroupNormParameters& parameters) {
  kernels::avx512::GroupNorm& p = problem;
  p.n = x.size(0);
  p.channels = x.size(-1);
  p.positions = x.numel() / (p.n * p.channels);
  p.groups = parameters.groups;
  p.eps = static_cast<float>(parameters.eps);
  p.silu = parameters.activation == Activation::kSilu;
  p.x = bits(x);
  p.weight = bits(parameters.weight);
  p.bias = bits(parameters.bias);
  if (parameters.scale.defined()) {
    p.scale = bits(parameters.scale);
    p.shift = bits(parameters.shift);
    p.modulation_stride = parameters.scale.stride(0);
  }
  const int64_t chunks = kernels::avx512::group_norm_chunks(p);
  memory = at::empty({p.n * (chunks + 1) * 2 * p.channels}, at::kFloat);
  p.partial = memory.data_ptr<float>();
  p.fold = p.partial + p.n * chunks * 2 * p.channels;
  for_chunks(p.n, chunks, [&](int64_t sample, int64_t chunk) {
    kernels::avx512::group_norm_partial(p, sample, chunk);
  });
  for_chunks(p.n, 1, [&](int64_t sample, int64_t) { kernels::avx512::group_norm_fold(p, sample); });
}

Tensor group_norm(const GroupNormProblem& problem) {
  const Tensor y = at::empty_like(problem.x);
  GroupNormFold fold(problem.x, problem.p);
  kernels::avx512::GroupNorm& p = fold.problem;
  p.y = mutable_bits(y);
  for_chunks(p.n, kernels::avx512::group_norm_chunks(p), [&](int64_t sample, int64_t chunk) {
    kernels::avx512::group_norm_apply(p, sample, chunk);
  });
  return y;
}

bool supports(const LayerNormProblem& problem) {
  const Tensor& x = problem.x;
  return !problem.grad() && suits(x) && x.size(-1) % 16 == 0 &&
         x.size(-1) <= kernels::avx512::kLayerNormMaxChannels &&
         is_vector_parameter(problem.weight) && is_vector_parameter(problem.bias);
}

Tensor layer_norm(const LayerNormProblem& problem) {
  const Tensor& x = problem.x;
  const Tensor y = at::empty_like(x);
  const int64_t channels = x.size(-1);
  const float eps = static_cast<float>(problem.eps);
  at::parallel_for(0, x.numel() / channels, kRowGrain, [&](int64_t begin, int64_t end) {
    kernels::avx512::layer_norm(bits(x) + begin * channels, bits(problem.weight),
                                bits(problem.bias), mutable_bits(y) + begin * channels, end - begin,
                                channels, eps);
  });
  return y;
}

}  // namespace zoetrope::ops::avx512
