// FlatParameters and FlatAdamW against the formulas they stand for.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "train/adamw.h"
#include "train/flat_parameters.h"
#include "train/train_loop.h"

namespace zoetrope::train {
namespace {

weights::ParameterMap some_parameters() {
  at::manual_seed(3);
  return {{"conv.weight", at::randn({4, 3, 3, 3})},
          {"linear.weight", at::randn({5, 7})},
          {"linear.bias", at::randn({5})}};
}

TEST(FlatParameters, LeavesAreTheInitialValuesAndViewsOfOneBuffer) {
  const auto initial = some_parameters();
  FlatParameters flat(initial, at::kFloat, at::kCPU);
  EXPECT_EQ(flat.size(), 4 * 27 + 35 + 5);
  EXPECT_EQ(flat.decayed_size(), 4 * 27 + 35);
  for (const auto& [name, value] : initial) {
    EXPECT_TRUE(at::equal(flat.leaves().at(name).detach(), value)) << name;
    EXPECT_TRUE(flat.leaves().at(name).requires_grad());
  }
  EXPECT_TRUE(flat.leaves().at("conv.weight").is_contiguous(at::MemoryFormat::ChannelsLast));
  flat.masters().zero_();
  flat.refresh_leaves();
  for (const auto& [name, leaf] : flat.leaves()) EXPECT_EQ(leaf.abs().max().item<float>(), 0.0f);
}

TEST(FlatParameters, GradientsLieAsTheMastersDo) {
  const auto initial = some_parameters();
  FlatParameters flat(initial, at::kFloat, at::kCPU);
  std::vector<at::Tensor> gradients;
  for (const at::Tensor& leaf : flat.leaf_list()) gradients.push_back(leaf.detach() * 2.0);
  EXPECT_TRUE(at::equal(flat.flatten_gradients(gradients), flat.masters() * 2.0));
  // A parameter that took no part has no gradient.
  gradients[1] = at::Tensor();
  const auto views = flat.views(flat.flatten_gradients(gradients));
  EXPECT_EQ(views.at("linear.weight").abs().max().item<float>(), 0.0f);
}

// AdamW as in the paper, in fp64, with the gradient clipped by its norm.
struct Reference {
  at::Tensor weight, first, second, ema;
  int64_t steps = 0;

  void step(const at::Tensor& raw, const AdamWOptions& o, double rate, double ema_rate,
            const at::Tensor& decays) {
    const double norm = raw.norm().item<double>();
    const at::Tensor g = raw / std::max(1.0, norm / o.clip_norm);
    ++steps;
    weight = weight * (1.0 - rate * o.weight_decay * decays);
    first = o.beta1 * first + (1.0 - o.beta1) * g;
    second = o.beta2 * second + (1.0 - o.beta2) * g * g;
    const at::Tensor m = first / (1.0 - std::pow(o.beta1, steps));
    const at::Tensor v = second / (1.0 - std::pow(o.beta2, steps));
    weight = weight - rate * m / (v.sqrt() + o.eps);
    ema = ema + ema_rate * (weight - ema);
  }
};

TEST(FlatAdamW, FollowsTheFormula) {
  FlatParameters flat(some_parameters(), at::kFloat, at::kCPU);
  const AdamWOptions options{.weight_decay = 0.1};
  FlatAdamW optimiser(flat, options);
  const at::Tensor start = flat.masters().to(at::kDouble);
  Reference reference{start, at::zeros_like(start), at::zeros_like(start), start.clone()};
  at::Tensor decays = at::zeros_like(start);
  decays.narrow(0, 0, flat.decayed_size()).fill_(1.0);

  for (int i = 0; i < 20; ++i) {
    // Norms on both sides of the clipping bound.
    const at::Tensor g = at::randn({flat.size()}) * (i % 2 == 0 ? 0.01 : 1.0);
    const auto views = flat.views(g);
    std::vector<at::Tensor> gradients;
    for (const char* name : {"conv.weight", "linear.weight", "linear.bias"}) {
      gradients.push_back(views.at(name));
    }
    const double rate = 1e-2 / (i + 1), ema_rate = 0.1;
    const at::Tensor norm =
        optimiser.step(gradients, at::tensor(rate, at::kFloat), at::tensor(ema_rate, at::kFloat));
    EXPECT_NEAR(norm.item<double>() / g.norm().item<double>(), 1.0, 1e-5);
    reference.step(g.to(at::kDouble), options, rate, ema_rate, decays);
  }
  const auto error = [](const at::Tensor& a, const at::Tensor& b) {
    return ((a.to(at::kDouble) - b).norm() / b.norm()).item<double>();
  };
  // Twenty fp32 roundings a weight.
  const double bound = 20 * std::pow(2.0, -24);
  EXPECT_LE(error(flat.masters(), reference.weight), bound);
  EXPECT_LE(error(optimiser.ema(), reference.ema), bound);
}

TEST(LearningRate, WarmsUpThenFallsToAHundredth) {
  LoopOptions options;
  options.steps = 1000;
  options.learning_rate = 1.0;
  options.warm_up_steps = 100;
  EXPECT_NEAR(learning_rate_at(options, 0), 0.01, 1e-9);
  EXPECT_NEAR(learning_rate_at(options, 500), 0.5, 1e-9);
  EXPECT_NEAR(learning_rate_at(options, 1000), 0.01, 1e-9);
  for (int64_t step = 100; step < 1000; ++step) {
    EXPECT_LE(learning_rate_at(options, step + 1), learning_rate_at(options, step));
  }
}

}  // namespace
}  // namespace zoetrope::train
