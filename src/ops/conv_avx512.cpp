#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "kernels/enlarged_conv/enlarged_conv_avx512.h"
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

// 3 x 3, the same of an enlarged picture, and 3 x 1 over the frames of a clip.
enum class Form { kNone, kPictures, kEnlarged, kFrames };

Form form_of(const ConvWeight& w) {
  const ConvGeometry& g = w.geometry;
  if (g.stride != std::array<int64_t, 2>{1, 1} || w.weight.size(2) != 3 || g.padding[0] != 1) {
    return Form::kNone;
  }
  if (w.weight.size(3) == 3 && g.padding[1] == 1) {
    return g.enlarging ? Form::kEnlarged : Form::kPictures;
  }
  const bool frames = w.weight.size(3) == 1 && g.padding[1] == 0 && !g.enlarging;
  return frames ? Form::kFrames : Form::kNone;
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

Tensor packed_enlarged(const Tensor& weight) {
  const int64_t out = weight.size(0), in = weight.size(1);
  if (in % 32 != 0 || out % 32 != 0) return {};
  const Tensor packed =
      at::empty({kernels::avx512::packed_enlarged_conv_size(in, out)}, weight.options());
  at::parallel_for(0, out / 32, 1, [&](int64_t begin, int64_t end) {
    for (int64_t panel = begin; panel < end; ++panel) {
      kernels::avx512::pack_enlarged_conv(bits(weight), in, out, panel, mutable_bits(packed));
    }
  });
  return packed;
}

// What the convolutions after a norm are told alike; the sizes are the caller's.
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

// Calls run(item, scratch memory) for every item, spread over the threads.
template <class F>
void for_items(int64_t items, int64_t scratch_bytes, F run) {
  at::parallel_for(0, items, 1, [&](int64_t begin, int64_t end) {
    const Tensor scratch = at::empty({scratch_bytes}, at::kByte);
    for (int64_t item = begin; item < end; ++item) run(item, scratch.data_ptr());
  });
}

template <class P>
void run_winograd(const P& p) {
  for_items(kernels::avx512::winograd_items(p), kernels::avx512::winograd_scratch(p),
            [&](int64_t item, void* scratch) { kernels::avx512::winograd(p, item, scratch); });
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
  switch (form_of(w)) {
    case Form::kPictures:
      return packed_pictures(plain);
    case Form::kEnlarged:
      return packed_enlarged(plain);
    default:
      return packed_frames(plain);
  }
}

bool supports(const ConvProblem& p) {
  return p.w.packed.defined() && form_of(p.w) == Form::kEnlarged && !p.grad() && suits(p.x) &&
         !p.residual.defined() && p.height == 2 * p.x.size(1) && p.width == 2 * p.x.size(2);
}

Tensor conv(const ConvProblem& problem) {
  const Tensor& x = problem.x;
  kernels::avx512::EnlargedConv p;
  p.n = x.size(0);
  p.height = x.size(1);
  p.width = x.size(2);
  p.in = x.size(3);
  p.out = problem.w.weight.size(0);
  const Tensor y = at::empty({p.n, problem.height, problem.width, p.out}, x.options());
  p.x = bits(x);
  p.weight = bits(problem.w.packed);
  p.bias = problem.w.bias.defined() ? bits(problem.w.bias) : nullptr;
  p.y = mutable_bits(y);
  for_items(kernels::avx512::enlarged_conv_items(p), kernels::avx512::enlarged_conv_scratch(p),
            [&](int64_t item, void* scratch) { kernels::avx512::enlarged_conv(p, item, scratch); });
  return y;
}

bool supports(const NormedConvProblem& p) {
  if (!p.w.packed.defined() || p.grad() || p.x.dim() != 4 || p.x.size(1) % 2 != 0) return false;
  if (form_of(p.w) == Form::kEnlarged) return false;
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
    run_winograd(p);
  } else {
    kernels::avx512::WinogradFrames p;
    p.frames = x.size(1);
    p.positions = x.size(2);
    describe(p, problem, fold, y);
    run_winograd(p);
  }
  return y;
}

}  // namespace zoetrope::ops::avx512
