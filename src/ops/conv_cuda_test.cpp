// Convolutions as cuDNN graphs, against fp64 on the CPU: at most twice ATen's error in bf16 there.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "ops/conv.h"
#include "ops/ladder.h"

namespace zoetrope::ops {
namespace {

struct Shape {
  int64_t n, h, w, in, out, kh, kw, stride;
};

at::Tensor random(at::IntArrayRef sizes) {
  return at::randn(sizes, at::kDouble).to(at::kBFloat16).to(at::kDouble);
}

struct Inputs {
  at::Tensor x, weight, bias, norm_weight, norm_bias, residual;
};

// A convolution with a residual, one of the norm with a residual, and one of the enlarged picture.
at::Tensor run(const Inputs& in, const Shape& s, const char* variant, at::Device device,
               at::ScalarType dtype) {
  const auto to = [&](const at::Tensor& t) { return t.to(device, dtype).contiguous(); };
  const ForceVariant force("conv", variant), force_normed("normed_conv", variant);
  const ConvWeight w =
      prepare_conv(to(in.weight), to(in.bias), {{s.stride, s.stride}, {s.kh / 2, s.kw / 2}, false});
  GroupNormParameters norm;
  norm.groups = 4;
  norm.weight = to(in.norm_weight);
  norm.bias = to(in.norm_bias);
  norm.activation = Activation::kSilu;
  const at::Tensor residual = to(in.residual);
  std::vector<at::Tensor> flat = {conv2d(to(in.x), w, residual).flatten(),
                                  conv2d(to(in.x), w).flatten(),
                                  normed_conv(to(in.x), norm, w, residual).flatten()};
  if (s.stride == 1) {
    flat.push_back(enlarged_conv2d(to(in.x), 2 * s.h, 2 * s.w - 1, w).flatten());
  }
  return at::cat(flat).to(at::kCPU, at::kDouble);
}

TEST(ConvOnAGpu, CudnnGraphs) {
  if (!at::hasCUDA()) GTEST_SKIP() << "no GPU in this machine";
  for (const Shape& s : {Shape{2, 9, 12, 64, 32, 3, 3, 1},
                         {1, 8, 8, 32, 64, 1, 1, 1},
                         {3, 16, 5, 128, 128, 3, 1, 1},
                         {2, 10, 10, 32, 96, 3, 3, 2},
                         {1, 33, 17, 288, 96, 3, 3, 1}}) {
    SCOPED_TRACE(std::to_string(s.in) + " -> " + std::to_string(s.out) + " kernel " +
                 std::to_string(s.kh) + "x" + std::to_string(s.kw));
    Inputs in{random({s.n, s.h, s.w, s.in}),
              random({s.out, s.in, s.kh, s.kw}) / 8,
              random({s.out}),
              random({s.in}),
              random({s.in}),
              {}};
    const int64_t h = (s.h - 1) / s.stride + 1, w = (s.w - 1) / s.stride + 1;
    in.residual = random({s.n, h, w, s.out});
    const at::Tensor got = run(in, s, "cudnn", at::kCUDA, at::kBFloat16);
    EXPECT_TRUE(at::equal(got, run(in, s, "cudnn", at::kCUDA, at::kBFloat16)));
    const at::Tensor want = run(in, s, "aten", at::kCPU, at::kDouble);
    const at::Tensor naive = run(in, s, "aten", at::kCPU, at::kBFloat16);
    EXPECT_LE((got - want).norm().item<double>(), 2 * (naive - want).norm().item<double>());
  }
}

// Three channels out: not a whole vector.
TEST(ConvOnAGpu, CudnnGraphsOfAPicture) {
  if (!at::hasCUDA()) GTEST_SKIP() << "no GPU in this machine";
  const at::Tensor x = random({1, 20, 24, 128}), weight = random({3, 128, 3, 3}) / 8;
  const at::Tensor bias = random({3});
  const auto run = [&](const char* variant, at::Device device, at::ScalarType dtype) {
    const ForceVariant force("conv", variant);
    const ConvWeight w =
        prepare_conv(weight.to(device, dtype), bias.to(device, dtype), {{1, 1}, {1, 1}, false});
    return conv2d(x.to(device, dtype), w).to(at::kCPU, at::kDouble);
  };
  const at::Tensor got = run("cudnn", at::kCUDA, at::kBFloat16);
  const at::Tensor want = run("aten", at::kCPU, at::kDouble);
  const at::Tensor naive = run("aten", at::kCPU, at::kBFloat16);
  EXPECT_LE((got - want).norm().item<double>(), 2 * (naive - want).norm().item<double>());
}

}  // namespace
}  // namespace zoetrope::ops
