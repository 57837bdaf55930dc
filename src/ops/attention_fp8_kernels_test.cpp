// quantise_heads and restore_heads against ATen.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "ops/attention_fp8.h"
#include "ops/cuda_device.cuh"
#include "ops/kernel_testing.h"

namespace zoetrope::ops {
namespace {

using at::Tensor;

using Fp8Heads = kernel_testing::OnKernelDevice<testing::Test>;

struct Inputs {
  Tensor q, k, v;
};

// Slices of one product, channels with means far from zero, samples of different sizes.
Inputs random(int64_t b, int64_t n, int64_t heads, int64_t d) {
  const Tensor size = at::arange(1, b + 1, at::kFloat).view({b, 1, 1, 1, 1});
  const Tensor qkv = at::randn({b, n, 3, heads, d}) * size + 8 * at::randn({heads, d});
  const Tensor there = qkv.to(at::kBFloat16).to(kernel_device());
  return {there.select(2, 0), there.select(2, 1), there.select(2, 2)};
}

Tensor number(const Tensor& t) { return t.to(at::kCPU).to(at::kDouble); }

void check(const Inputs& in) {
  SCOPED_TRACE(in.q.sizes().vec().at(1));
  const QuantisedHeads got = cuda::quantise_heads(in.q, in.k, in.v);
  const QuantisedHeads again = cuda::quantise_heads(in.q, in.k, in.v);
  const QuantisedHeads want = fp8::quantise(in.q.cpu(), in.k.cpu(), in.v.cpu());
  EXPECT_TRUE(at::equal(got.values.view(at::kByte), again.values.view(at::kByte)));
  EXPECT_TRUE(at::allclose(number(got.mean), number(want.mean), 1e-5, 1e-5));
  const auto first = [](const Tensor& scales) { return number(scales.select(2, 0)); };
  // The largest distance from a mean moves by as much as the mean does.
  const double largest_mean = number(want.mean).abs().max().item<double>();
  const Tensor steps = first(want.scales).select(1, 0).narrow(0, 0, 3 * in.q.size(0));
  const double least_distance = 448 * steps.min().item<double>();
  const double apart = 1e-6 + 1e-5 * (1 + largest_mean) / least_distance;
  EXPECT_TRUE(at::allclose(first(got.scales), first(want.scales), apart, 0));
  // A mean that differs in its last digit may turn a rounding: never by more than one step, and
  // seldom.
  const Tensor a = number(got.values), b = number(want.values);
  EXPECT_LE(((a - b).abs() - b.abs() / 7).max().item<double>(), 1.0 / 512);
  EXPECT_LE((a != b).to(at::kDouble).mean().item<double>(), 1e-3);
  // And what it all stands for, by itself: half a step of e4m3 off.
  const int64_t samples = in.q.size(0);
  const Tensor x = number(at::stack({in.q, in.k, in.v}));
  const Tensor descale = first(got.scales).select(1, 0).narrow(0, 0, 3 * samples);
  const Tensor unit = descale.view({3, samples, 1, 1, 1});
  const Tensor centred = x - number(got.mean).view({3, samples, 1, x.size(3), x.size(4)});
  const Tensor off = (a * unit - centred).abs() - centred.abs() / 16 - unit / 1024;
  EXPECT_LE(off.max().item<double>(), 1e-5 * x.abs().max().item<double>());
  EXPECT_LE((number(got.mean.narrow(0, 1, 2)).flatten() - x.narrow(0, 1, 2).mean(2).flatten())
                .abs()
                .max()
                .item<double>(),
            1e-4);
  EXPECT_EQ(number(got.mean[0]).abs().max().item<double>(), 0);

  const Tensor restored = cuda::restore_heads(got.values[2].contiguous(), got);
  const Tensor wanted =
      a[2] * unit[2] + number(got.mean[2]).view({samples, 1, x.size(3), x.size(4)});
  EXPECT_LE(((number(restored) - wanted).abs() - wanted.abs() / 256).max().item<double>(), 1e-6);
}

TEST_F(Fp8Heads, StandForTheirInputs) {
  check(random(1, 1, 1, 64));
  check(random(2, 77, 3, 64));
  check(random(1, 200, 5, 128));          // more than a block's slice of channels
  check(random(3, 64 * 192 + 5, 1, 64));  // more tokens than parts take at one go
}

TEST_F(Fp8Heads, StridesDoNotMatter) {
  const Inputs in = random(2, 70, 2, 64);
  const QuantisedHeads views = cuda::quantise_heads(in.q, in.k, in.v);
  const auto odd = [](const Tensor& t) {  // heads apart from each other
    return t.transpose(1, 2).contiguous().transpose(1, 2);
  };
  const QuantisedHeads copies = cuda::quantise_heads(odd(in.q), odd(in.k), odd(in.v));
  EXPECT_TRUE(at::equal(views.values.view(at::kByte), copies.values.view(at::kByte)));
}

TEST_F(Fp8Heads, ASampleIsItsOwn) {
  const Inputs in = random(3, 130, 2, 64);
  const auto one = [](const Tensor& t) { return t.narrow(0, 1, 1); };
  const QuantisedHeads all = cuda::quantise_heads(in.q, in.k, in.v);
  const QuantisedHeads alone = cuda::quantise_heads(one(in.q), one(in.k), one(in.v));
  EXPECT_TRUE(at::equal(all.values.narrow(1, 1, 1).contiguous().view(at::kByte),
                        alone.values.view(at::kByte)));
}

TEST_F(Fp8Heads, NothingIsHidden) {
  Inputs in = random(1, 40, 1, 64);
  for (Tensor* t : {&in.q, &in.k, &in.v}) *t = t->clone();
  in.v.select(1, 3).fill_(NAN);
  const QuantisedHeads heads = cuda::quantise_heads(in.q, in.k, in.v);
  EXPECT_TRUE(at::isnan(number(cuda::restore_heads(heads.values[2].contiguous(), heads)))
                  .any()
                  .item<bool>());
  const Inputs zero = {at::zeros_like(in.q), at::zeros_like(in.q), at::zeros_like(in.q)};
  const QuantisedHeads nothing = cuda::quantise_heads(zero.q, zero.k, zero.v);
  EXPECT_EQ(number(cuda::restore_heads(nothing.values[2].contiguous(), nothing))
                .abs()
                .max()
                .item<double>(),
            0);
}

}  // namespace
}  // namespace zoetrope::ops
