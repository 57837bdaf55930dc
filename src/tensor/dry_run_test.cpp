#include "tensor/dry_run.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "tensor/memory.h"

namespace zoetrope::tensor {
namespace {

using at::Tensor;

const at::TensorOptions kMetaFloat = at::TensorOptions(at::kMeta).dtype(at::kFloat);

TEST(DryRunTest, CountsWhatLivesAtOneTime) {
  const DryRun run(at::kCPU);
  Tensor kept = at::empty({1000}, kMetaFloat);
  for (int i = 0; i < 3; ++i) at::empty({2000}, kMetaFloat);
  EXPECT_EQ(run.live_bytes(), 4000);
  EXPECT_EQ(run.peak_bytes(), 12000);
  const int64_t later = run.now();
  EXPECT_EQ(run.peak_bytes(later), 4000);
  kept.reset();
  EXPECT_EQ(run.live_bytes(), 0);
  ASSERT_EQ(run.blocks().size(), 4u);
  EXPECT_EQ(run.blocks()[0].end, run.now() - 1);
  EXPECT_LT(run.blocks()[1].end, run.blocks()[2].begin);
}

TEST(DryRunTest, AGpusBlocksAreRounded) {
  const DryRun run(at::Device(at::kCUDA, 0));
  const Tensor one = at::empty({1}, kMetaFloat), more = at::empty({129}, kMetaFloat);
  EXPECT_EQ(run.live_bytes(), 512 + 1024);
}

TEST(DryRunTest, OnlyItsOwnThreadAndScope) {
  EXPECT_FALSE(in_dry_run());
  EXPECT_TRUE(stands_for(at::kMeta).is_meta());
  Tensor outlives;
  {
    const DryRun run(at::Device(at::kCUDA, 0));
    EXPECT_TRUE(in_dry_run());
    EXPECT_TRUE(stands_for(at::kMeta).is_cuda());
    EXPECT_TRUE(stands_for(at::kCPU).is_cpu());
    outlives = at::empty({5}, kMetaFloat);
    EXPECT_TRUE(to_host(outlives).is_cpu());
  }
  at::empty({5}, kMetaFloat);
  outlives.reset();
}

// Each operation that LibTorch leaves to Python has the shape, dtype and order of the real one, and
// takes as much memory.
TEST(DryRunTest, MetaKernelsDoAsTheRealOnes) {
  const c10::NoGradGuard no_gradients;
  const Tensor x = at::randn({2, 16, 64}), w = at::randn({64});
  const Tensor q = at::randn({2, 16, 4, 64}).transpose(1, 2);
  const Tensor picture = at::randn({1, 23, 32, 64}).permute({0, 3, 1, 2});
  const Tensor kernel = at::randn({32, 64, 3, 3}).contiguous(at::MemoryFormat::ChannelsLast);
  const Tensor clip = at::randn({1, 16, 96, 6, 16}).permute({0, 4, 1, 2, 3});
  const Tensor kernel3 = at::randn({32, 16, 3, 3, 3}).contiguous(at::MemoryFormat::ChannelsLast3d);
  const Tensor ids = at::randint(64, {2, 5}, at::kLong), bias = at::randn({32});
  using Inputs = std::vector<Tensor>;
  struct Case {
    const char* name;
    Inputs inputs;
    std::function<Tensor(const Inputs&)> run;
    int64_t extra = 0;  // bytes that only one of them takes, at most
  };
  const std::vector<Case> cases = {
      {"layer_norm",
       {x, w, w},
       [](const Inputs& in) { return at::layer_norm(in[0], {64}, in[1], in[2], 1e-5); }},
      {"group_norm",
       {picture.contiguous(), w, w},
       [](const Inputs& in) { return at::group_norm(in[0], 8, in[1], in[2], 1e-5); }},
      // The CPU's have buffers for threads and weights reordered.
      {"attention",
       {q, q, q},
       [](const Inputs& in) { return at::scaled_dot_product_attention(in[0], in[1], in[2]); },
       int64_t{1} << 20},
      {"conv2d",
       {picture, kernel, bias},
       [](const Inputs& in) { return at::conv2d(in[0], in[1], in[2], 2, 1); },
       int64_t{1} << 20},
      {"conv3d",
       {clip, kernel3, bias},
       [](const Inputs& in) {
         return at::conv3d(in[0], in[1], in[2], {2, 1, 1}, {0, 1, 1});
       },
       int64_t{1} << 20},
      {"average_pool",
       {picture.contiguous()},
       [](const Inputs& in) {
         return at::adaptive_avg_pool2d(in[0], {7, 5});
       }},
      {"embedding",
       {x[0], ids.remainder(16)},
       [](const Inputs& in) { return at::embedding(in[0], in[1]); }},
      {"searchsorted",
       {ids[0], ids[1]},
       [](const Inputs& in) { return at::searchsorted(in[0], in[1], false, true); }},
      {"logical_or", {ids<3, ids> 5}, [](const Inputs& in) { return in[0].logical_or(in[1]); }},
      {"where",
       {ids, x.narrow(1, 0, 5).select(2, 0)},
       [](const Inputs& in) { return at::where(in[0] < 3, in[1], in[1]); }},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const AllocationPeak real;
    const Tensor want = c.run(c.inputs);
    const DryRun dry(at::kCPU);
    Inputs shapes;
    for (const Tensor& t : c.inputs) shapes.push_back(at::empty_like(t, at::kMeta));
    const int64_t before = dry.live_bytes(), begin = dry.now();
    const Tensor got = c.run(shapes);
    EXPECT_TRUE(got.is_meta());
    EXPECT_EQ(got.sizes(), want.sizes());
    EXPECT_EQ(got.strides(), want.strides());
    EXPECT_EQ(got.scalar_type(), want.scalar_type());
    EXPECT_EQ(dry.live_bytes() - before, real.live_bytes());
    EXPECT_NEAR(dry.peak_bytes(begin) - before, real.peak_bytes(), c.extra);
  }
}

}  // namespace
}  // namespace zoetrope::tensor
