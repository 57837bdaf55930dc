#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "kernels/matmul/linear_avx512.h"
#include "ops/avx512_support.h"
#include "ops/problems.h"

namespace zoetrope::ops::avx512 {
namespace {

using at::Tensor;

// Half of a core's second-level cache: every block of rows reads the whole weight.
constexpr int64_t kMaxWeight = 1 << 18;  // elements

}  // namespace

Tensor packed(const LinearWeight& w) {
  const Tensor& weight = w.weight;
  if (!kernels::has_avx512_bf16() || !is_bf16(weight) || weight.requires_grad() ||
      !absent_or_fits(w.bias) || weight.numel() > kMaxWeight || weight.numel() == 0) {
    return {};
  }
  const int64_t out = weight.size(0), in = weight.size(1);
  if (in % 2 != 0 || (w.gated && out % 32 != 0)) return {};
  const Tensor packed = at::empty({kernels::avx512::packed_linear_size(in, out)}, weight.options());
  kernels::avx512::pack_linear(bits(weight.contiguous()), in, out, w.gated, mutable_bits(packed));
  return packed;
}

bool supports(const LinearProblem& p) {
  const LinearFusion& f = p.fusion;
  if (!p.w.packed.defined() || p.grad() || !suits(p.x)) return false;
  if (f.activation != Activation::kNone || f.out.defined()) return false;
  if (!absent_or_fits(f.residual) || !absent_or_fits(f.position)) return false;
  if (!f.norm_weight.defined()) return !f.position.defined();
  return absent_or_fits(f.norm_weight) && absent_or_fits(f.norm_bias) && p.x.size(-1) % 16 == 0 &&
         p.x.size(-1) <= kernels::avx512::kLinearMaxNormedChannels;
}

Tensor linear(const LinearProblem& problem) {
  const LinearFusion& f = problem.fusion;
  const Tensor& x = problem.x;
  kernels::avx512::Linear p;
  p.in = x.size(-1);
  p.out = problem.w.weight.size(0);
  p.gated = problem.w.gated;
  auto sizes = x.sizes().vec();
  sizes.back() = p.gated ? p.out / 2 : p.out;
  const Tensor y = at::empty(sizes, x.options());
  const auto bits_or_null = [](const Tensor& t) { return t.defined() ? bits(t) : nullptr; };
  p.x = bits(x);
  p.weight = bits(problem.w.packed);
  p.bias = bits_or_null(problem.w.bias);
  p.residual = bits_or_null(f.residual);
  p.y = mutable_bits(y);
  p.norm_weight = bits_or_null(f.norm_weight);
  p.norm_bias = bits_or_null(f.norm_bias);
  p.eps = static_cast<float>(f.norm_eps);
  p.position = bits_or_null(f.position);
  p.positions = f.position.defined() ? f.position.size(0) : 1;
  p.position_repeat = f.position_repeat;
  constexpr int64_t kBlock = kernels::avx512::kLinearBlock;
  const int64_t rows = x.numel() / p.in;
  at::parallel_for(0, (rows + kBlock - 1) / kBlock, 4, [&](int64_t begin, int64_t end) {
    kernels::avx512::linear(p, begin * kBlock, std::min(end * kBlock, rows));
  });
  return y;
}

}  // namespace zoetrope::ops::avx512
