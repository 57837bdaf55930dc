// Which passes are recorded, and which recordings stay; on a GPU also what they compute.
#include "pipeline/network_runner.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include "pipeline/lru.h"
#include "tensor/device.h"
#include "tensor/dry_run.h"

namespace zoetrope::pipeline {
namespace {

struct Sized {
  int64_t size = 0;
  int64_t bytes() const { return size; }
};

TEST(LruTest, TheLeastRecentlyUsedGo) {
  Lru<char, Sized> lru;
  lru.trim_others(0);
  for (const char key : {'a', 'b', 'c', 'd'}) lru.use(key).size = 10;
  lru.use('b').size = 1000;  // in use: no limit is on it
  lru.trim_others(30);
  EXPECT_EQ(lru.size(), 4u);
  lru.trim_others(29);  // d c, not a
  EXPECT_EQ(lru.size(), 3u);
  EXPECT_EQ(lru.use('a').size, 0) << "forgotten";
  lru.trim_others(1010);
  EXPECT_EQ(lru.use('d').size, 10);
  EXPECT_EQ(lru.use('c').size, 0) << "forgotten";
  lru.trim_others(0);
  EXPECT_EQ(lru.size(), 1u);
}

class FakeDenoiser final : public models::Denoiser {
 public:
  models::DenoiserConditioning condition(const weights::ParameterMap&,
                                         const LatentShape&) const override {
    return {};
  }
  at::Tensor forward(const at::Tensor& sample, const at::Tensor& timestep,
                     const models::DenoiserConditioning& conditioning,
                     nn::BlockStack*) const override {
    ++passes;
    return (sample * timestep.view({-1, 1, 1, 1, 1}) + conditioning.rows.at(0)).sin();
  }
  mutable int passes = 0;
};

Conditioning conditioning_of(double value, const at::TensorOptions& options) {
  return {.rows = {at::full({1, 1, 1, 1, 1}, value, options)}, .shared = {}};
}

TEST(NetworkRunnerTest, RunsEveryPassOnACpu) {
  FakeDenoiser network;
  NetworkRunner runner(at::kCPU, Launch::kRecorded);
  const at::Tensor sample = at::ones({1, 1, 2, 2, 4});
  for (int i = 0; i < 3; ++i) {
    runner.forward(network, sample, at::ones({1}), conditioning_of(1, {}), 0);
  }
  EXPECT_EQ(network.passes, 3);
}

// A dry run of a GPU keeps what recordings would.
TEST(NetworkRunnerTest, DropsRecordingsBeyondTheLimit) {
  const c10::NoGradGuard no_gradients;
  FakeDenoiser network, other;
  const tensor::DryRun dry(at::Device(at::kCUDA, 0));
  const auto meta = at::TensorOptions(at::kMeta);
  NetworkRunner runner(at::kMeta, Launch::kRecorded);
  const Conditioning conditioning = conditioning_of(1, meta);
  const at::Tensor timestep = at::ones({1}, meta);
  const auto kept_after = [&](const FakeDenoiser& by, int64_t side) {
    runner.forward(by, at::ones({1, 1, side, side, 16}, meta), timestep, conditioning, 0);
    return dry.live_bytes();
  };
  const int64_t first = kept_after(network, 8);
  const int64_t both = kept_after(network, 16);
  EXPECT_GT(both, first);
  EXPECT_EQ(kept_after(network, 8), both);
  EXPECT_EQ(network.passes, 2);
  EXPECT_GT(kept_after(other, 8), both) << "another network has recordings of its own";

  runner.limit_other_recordings(0);
  EXPECT_EQ(kept_after(network, 8), first);
  EXPECT_EQ(network.passes, 2) << "what is in use stays";
  EXPECT_LT(kept_after(network, 16), both);
  EXPECT_EQ(network.passes, 3);
}

TEST(NetworkRunnerTest, ReplaysAreThePassesThemselves) {
  if (tensor::cuda_device_count() == 0) GTEST_SKIP() << "needs a GPU";
  const c10::NoGradGuard no_gradients;
  FakeDenoiser network, eager;
  const auto cuda = at::TensorOptions(at::kCUDA);
  NetworkRunner runner(at::Device(at::kCUDA, 0), Launch::kRecorded);
  runner.limit_other_recordings(0);
  int passes = 0;
  for (const int64_t side : {8, 16, 8}) {
    for (int call = 0; call < 4; ++call) {
      const at::Tensor sample = at::randn({1, 1, side, side, 16}, cuda);
      const at::Tensor timestep = at::rand({1}, cuda);
      const Conditioning conditioning = conditioning_of(call / 2, cuda);
      const at::Tensor got =
          runner.forward(network, sample, timestep, conditioning, passes * 4 + call / 2);
      EXPECT_TRUE(at::equal(got, eager.forward(sample, timestep, conditioning, nullptr)));
    }
    EXPECT_EQ(network.passes, passes += 2);  // the first, and the one that was recorded
  }
}

}  // namespace
}  // namespace zoetrope::pipeline
