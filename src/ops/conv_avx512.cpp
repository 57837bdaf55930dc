#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "kernels/group_norm/group_norm_avx512.h"
#include "kernels/winograd/frames_avx512.h"
#include "kernels/winograd/winograd_avx512.h"
#include "ops/avx512_support.h"
#include "ops/problems.h"

namespace zoetrope::ops::avx512 {
namespace {

using at::Tensor;

// 256 x 128, the widest of the bundled model: a panel of the packed form stays in the second-level
// cache beside the inputs it meets.
constexpr int64_t kMaxChannelProduct = 1 << 15;

// In smaller pictures most results lie at the border, where the plain sum has fewer terms to round:
// the error reaches 1.9 times the naive one at 4 x 4 and 2.1 at 2 x 2.
constexpr int64_t kLeastSide = 8;

enum class Form { kNone, kPictures, kFrames };  // 3 x 3, and 3 x 1 over the frames of a clip

Form form_of(const ConvWeight& w) {
  const ConvGeometry& g = w.geometry;
  if (g.stride != std::array<int64_t, 2>{1, 1} || w.weight.size(2) != 3 || g.padding[0] != 1) {
    return Form::kNone;
  }
  if (w.weight.size(3) == 3 && g.padding[1] == 1) return Form::kPictures;
  return w.weight.size(3) == 1 && g.padding[1] == 0 ? Form::kFrames : Form::kNone;
}

Tensor packed_pictures(const Tensor& weight) {
  const int64_t out = weight.size(0), in = weight.size(1);
  const Tensor packed =
      at::empty({kernels::avx512::packed_winograd_size(in, out)}, weight.options());
  at::parallel_for(
      0, kernels::avx512::packed_winograd_panels(out), 1, [&](int64_t begin, int64_t end) {
        for (int64_t panel = begin; panel < end; ++panel) {
          kernels::avx512::pack_winograd(bits(weight), in, out, panel, mutable_bits(packed));
        }
      });
  return packed;
}

Tensor packed_frames(const Tensor& weight) {
  const int64_t out = weight.size(0), in = weight.size(1);
  const Tensor packed =
      at::empty({kernels::avx512::packed_winograd_frames_size(in, out)}, weight.options());
  kernels::avx512::pack_winograd_frames(bits(weight), in, out, mutable_bits(packed));
  return packed;
}

// What both kernels are told alike; the sizes are the caller's.
template <class P>
void describe(P& p, const NormedConvProblem& problem, const GroupNormFold& fold, const Tensor& y) {
  p.n = problem.x.size(0);
  p.in = problem.x.size(3);
  p.out = y.size(3);
  p.silu = problem.norm.activation == Activation::kSilu;
  p.x = bits(problem.x);
  p.fold = fold.problem.fold;
  p.weight = bits(problem.w.packed);
  p.bias = problem.w.bias.defined() ? bits(problem.w.bias) : nullptr;
  p.residual = problem.residual.defined() ? bits(problem.residual) : nullptr;
  p.y = mutable_bits(y);
}

template <class P>
void run(const P& p) {
  const int64_t bytes = kernels::avx512::winograd_scratch(p);
  at::parallel_for(0, kernels::avx512::winograd_items(p), 1, [&](int64_t begin, int64_t end) {
    const Tensor scratch = at::empty({bytes}, at::kByte);
    for (int64_t item = begin; item < end; ++item) {
      kernels::avx512::winograd(p, item, scratch.data_ptr());
    }
  });
}

}  // namespace

Tensor packed(const ConvWeight& w) {
  const Tensor& weight = w.weight;
  if (!kernels::has_avx512_bf16() || !is_bf16(weight) || weight.requires_grad() ||
      !absent_or_fits(w.bias) || form_of(w) == Form::kNone) {
    return {};
  }
  const int64_t out = weight.size(0), in = weight.size(1);
  if (in % 16 != 0 || in * out > kMaxChannelProduct) return {};
  const Tensor plain = weight.contiguous(at::MemoryFormat::Contiguous);
  return form_of(w) == Form::kPictures ? packed_pictures(plain) : packed_frames(plain);
}

bool supports(const NormedConvProblem& p) {
  if (!p.w.packed.defined() || p.grad() || p.x.dim() != 4 || p.x.size(1) % 2 != 0) return false;
  if (form_of(p.w) == Form::kPictures &&
      (p.x.size(2) % 2 != 0 || p.x.size(1) < kLeastSide || p.x.size(2) < kLeastSide)) {
    return false;
  }
  return absent_or_fits(p.residual) && supports(GroupNormProblem{p.x, p.norm});
}

Tensor normed_conv(const NormedConvProblem& problem) {
  const Tensor& x = problem.x;
  const GroupNormFold fold(x, problem.norm);
  const Tensor y =
      at::empty({x.size(0), x.size(1), x.size(2), problem.w.weight.size(0)}, x.options());
  if (form_of(problem.w) == Form::kPictures) {
    kernels::avx512::Winograd p;
    p.height = x.size(1);
    p.width = x.size(2);
    describe(p, problem, fold, y);
    run(p);
  } else {
    kernels::avx512::WinogradFrames p;
    p.frames = x.size(1);
    p.positions = x.size(2);
    describe(p, problem, fold, y);
    run(p);
  }
  return y;
}

}  // namespace zoetrope::ops::avx512
