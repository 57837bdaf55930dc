// The stacked form of causal convolutions, chunk by chunk, against fp64 on the CPU.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "ops/causal_conv.h"
#include "ops/kernel_testing.h"
#include "ops/ladder.h"

namespace zoetrope::ops {
namespace {

using namespace kernel_testing;

struct Case {
  int64_t clips, height, width, in, out, taps, side;
  bool normed, residual;
};

struct Inputs {
  std::vector<at::Tensor> chunks, residuals;  // fp64
  at::Tensor weight, bias, gamma;
};

Inputs draw(const Case& c, at::ScalarType dtype) {
  const auto rounded = [&](at::IntArrayRef sizes) {
    return random(sizes).to(dtype).to(at::kDouble);
  };
  Inputs in;
  for (const int64_t frames : {1, 4, 2}) {
    in.chunks.push_back(rounded({c.clips, frames, c.height, c.width, c.in}));
    in.residuals.push_back(c.residual ? rounded({c.clips, frames, c.height, c.width, c.out})
                                      : at::Tensor());
  }
  in.weight = rounded({c.out, c.in, c.taps, c.side, c.side}) / 8;
  in.bias = rounded({c.out});
  if (c.normed) in.gamma = rounded({c.in});
  return in;
}

// All chunks, and what the last one left.
at::Tensor run(const Inputs& in, const char* variant, at::Device device, at::ScalarType dtype) {
  const ForceVariant force("causal_conv", variant);
  const auto to = [&](const at::Tensor& t) {
    return t.defined() ? t.to(device, dtype).contiguous() : at::Tensor();
  };
  const bool stacked = std::string(variant) == "stacked";
  const CausalConvWeight w = stacked ? stacked_causal_conv(to(in.weight), to(in.bias))
                                     : prepare_causal_conv(to(in.weight), to(in.bias));
  at::Tensor before;
  std::vector<at::Tensor> flat;
  for (size_t i = 0; i < in.chunks.size(); ++i) {
    const at::Tensor y =
        causal_conv(to(in.chunks[i]), w, before, {to(in.gamma), 1e-12, to(in.residuals[i])});
    flat.push_back(y.flatten());
  }
  flat.push_back(before.flatten());
  return at::cat(flat).to(at::kCPU, at::kDouble);
}

void check(const Case& c, at::ScalarType dtype) {
  SCOPED_TRACE("channels " + std::to_string(c.in) + " -> " + std::to_string(c.out) + " " +
               at::toString(dtype));
  const Inputs in = draw(c, dtype);
  const at::Tensor got = run(in, "stacked", kernel_device(), dtype);
  EXPECT_TRUE(at::equal(got, run(in, "stacked", kernel_device(), dtype))) << "not deterministic";
  const at::Tensor want = run(in, "aten", at::kCPU, at::kDouble);
  const at::Tensor naive = run(in, "aten", at::kCPU, dtype);
  const auto error = [&](const at::Tensor& t) { return (t - want).norm().item<double>(); };
  const double floor = dtype == at::kFloat ? 1e-6 * want.norm().item<double>() : 0;
  EXPECT_LE(error(got), 2 * error(naive) + floor);
}

using CausalConvStacked = OnKernelDevice<testing::Test>;

TEST_F(CausalConvStacked, Chunks) {
  for (const at::ScalarType dtype : {at::kBFloat16, at::kFloat}) {
    check({2, 5, 7, 96, 32, 3, 3, true, true}, dtype);
    check({1, 3, 4, 384, 16, 3, 1, false, false}, dtype);
    check({1, 2, 3, 8, 24, 3, 3, true, false}, dtype);
    check({1, 2, 3, 520, 8, 3, 1, true, true}, dtype);
  }
}

}  // namespace
}  // namespace zoetrope::ops
