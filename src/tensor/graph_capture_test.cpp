#include "tensor/graph_capture.h"

#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "base/status.h"
#include "tensor/device.h"
#include "tensor/noise.h"

namespace zoetrope::tensor {
namespace {

TEST(CapturedGraphTest, NeedsCuda) {
  if (cuda_device_count() > 0) GTEST_SKIP() << "this machine has a GPU";
  EXPECT_THROW(CapturedGraph::capture([] {}), base::Error);
  EXPECT_THROW(LazyGraph().run([] {}), base::Error);
}

TEST(CapturedGraphTest, ReplaysWithNewInputs) {
  if (cuda_device_count() == 0) GTEST_SKIP() << "needs a GPU";
  const auto cuda = at::TensorOptions().device(at::kCUDA);
  at::Tensor x = at::zeros({1024}, cuda);
  at::Tensor y;
  CapturedGraph graph = CapturedGraph::capture([&] { y = x * 2 + 1; });
  x.fill_(3);
  graph.replay();
  EXPECT_TRUE(at::equal(y.cpu(), at::full({1024}, 7.0f)));
}

TEST(CapturedGraphTest, DrawsFreshNoiseWhenTheKeyChanges) {
  if (cuda_device_count() == 0) GTEST_SKIP() << "needs a GPU";
  at::Tensor key = at::zeros({2}, at::TensorOptions().dtype(at::kLong).device(at::kCUDA));
  at::Tensor out = at::empty({5000}, at::TensorOptions().device(at::kCUDA));
  CapturedGraph graph = CapturedGraph::capture([&] { gaussian_noise_(out, key); });
  for (const int64_t seed : {11, 12}) {
    key.copy_(at::tensor({seed, int64_t{4}}, at::kLong));
    graph.replay();
    EXPECT_TRUE(at::equal(out.cpu(), gaussian_noise({5000}, seed, 4, 0, at::kCPU)));
  }
}

// Forward, backward and an update inside one graph, as the trainer does.
TEST(CapturedGraphTest, CapturesATrainingStep) {
  if (cuda_device_count() == 0) GTEST_SKIP() << "needs a GPU";
  const auto cuda = at::TensorOptions().device(at::kCUDA);
  const at::Tensor x = gaussian_noise({64, 32}, 1, 0, 0, at::kCUDA);
  const at::Tensor target = gaussian_noise({64, 8}, 1, 1, 0, at::kCUDA);
  at::Tensor weight = at::zeros({32, 8}, cuda).requires_grad_();
  at::Tensor loss;
  const auto step = [&] {
    loss = (at::matmul(x, weight) - target).square().mean();
    weight.mutable_grad() = at::Tensor();
    loss.backward();
    const c10::NoGradGuard no_grad;
    weight.sub_(weight.grad(), 0.5);
  };
  CapturedGraph graph = CapturedGraph::capture(step, 2);
  for (int i = 0; i < 5; ++i) graph.replay();
  const at::Tensor captured = weight.detach().cpu();

  weight.detach().zero_();
  for (int i = 0; i < 7; ++i) step();  // two warm-up steps were real
  EXPECT_LE(relative_l2(captured, weight), 1e-6);
  EXPECT_GT(weight.detach().abs().sum().item<float>(), 0.0f);
}

TEST(CapturedGraphTest, WarmUpIsOrderedWithTheCurrentStream) {
  if (cuda_device_count() == 0) GTEST_SKIP() << "needs a GPU";
  const auto cuda = at::TensorOptions().device(at::kCUDA);
  const at::Tensor large = at::ones({4096, 4096}, cuda);
  at::Tensor x = at::zeros({1 << 20}, cuda);
  for (int i = 0; i < 20; ++i) at::matmul(large, large);  // keeps the current stream busy
  x.fill_(3);
  at::Tensor y;
  CapturedGraph::warm_up([&] {
    for (int i = 0; i < 20; ++i) at::matmul(large, large);
    y = x + 1;
  });
  x.fill_(5);
  EXPECT_TRUE(at::equal((y * 2).cpu(), at::full({1 << 20}, 8.0f)));
}

// What takes seconds is done once a call, never in vain, and allocates nothing once it is recorded.
TEST(LazyGraphTest, RunsThenRecordsThenReplays) {
  if (cuda_device_count() == 0) GTEST_SKIP() << "needs a GPU";
  const auto cuda = at::TensorOptions().device(at::kCUDA);
  const at::Tensor weight = gaussian_noise({64, 64}, 1, 0, 0, at::kCUDA);
  at::Tensor x = at::empty({8, 64}, cuda);
  at::Tensor y;
  int bodies = 0;
  const auto body = [&] {
    ++bodies;
    y = at::matmul(x, weight).relu();
  };
  LazyGraph graph;
  for (int call = 1; call <= 4; ++call) {
    x.copy_(gaussian_noise({8, 64}, 2, call, 0, at::kCUDA));
    graph.run(body);
    EXPECT_TRUE(at::equal(y, at::matmul(x, weight).relu())) << "call " << call;
    EXPECT_EQ(bodies, std::min(call, 2));
    EXPECT_EQ(graph.bytes() > 0, call > 1);
  }
}

// Handles belong to threads: another one warms up for itself.
TEST(LazyGraphTest, MayChangeThreadsBeforeItIsRecorded) {
  if (cuda_device_count() == 0) GTEST_SKIP() << "needs a GPU";
  const auto cuda = at::TensorOptions().device(at::kCUDA);
  const at::Tensor weight = at::eye(64, cuda);
  at::Tensor x = at::ones({64, 64}, cuda);
  at::Tensor y;
  int bodies = 0;
  const auto body = [&] {
    ++bodies;
    y = at::matmul(x, weight);
  };
  LazyGraph graph;
  graph.run(body);
  std::thread other([&] {
    graph.run(body);
    EXPECT_EQ(graph.bytes(), 0);
    graph.run(body);
    EXPECT_GT(graph.bytes(), 0);
  });
  other.join();
  x.fill_(2);
  graph.run(body);
  EXPECT_EQ(bodies, 3);
  EXPECT_EQ(y.sum().item<float>(), 2.0f * 64 * 64);
}

TEST(CapturedGraphTest, SurvivesABodyThatThrows) {
  if (cuda_device_count() == 0) GTEST_SKIP() << "needs a GPU";
  int run = 0;
  const auto body = [&] {
    if (++run == 2) throw base::Error(base::StatusCode::kCancelled, "stop");
  };
  EXPECT_THROW(CapturedGraph::capture(body, 1), base::Error);
  at::Tensor x = at::ones({16}, at::TensorOptions().device(at::kCUDA));
  CapturedGraph graph = CapturedGraph::capture([&] { x.add_(1); }, 1);
  graph.replay();
  EXPECT_EQ(x.sum().item<float>(), 48.0f);
}

}  // namespace
}  // namespace zoetrope::tensor
