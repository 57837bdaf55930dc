// What every family of denoisers is held to.
#pragma once

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "models/denoiser.h"
#include "models/test_support.h"

namespace zoetrope::models {

// A network with what one pass of it takes.
struct DenoiserCall {
  std::unique_ptr<Denoiser> network;
  weights::ParameterMap inputs;
  at::Tensor sample, timestep;

  static Denoiser::LatentShape shape_of(const at::Tensor& latents) {
    return {latents.size(1), latents.size(2), latents.size(3), latents.size(4)};
  }
  DenoiserConditioning condition() const { return network->condition(inputs, shape_of(sample)); }
  at::Tensor run(nn::BlockStack* stack = nullptr) const {
    return network->forward(sample, timestep, condition(), stack);
  }
  // Why latents, or an input in place of its own (undefined: missing), are refused.
  std::string refusal_of(const Denoiser::LatentShape& latents) const {
    return refusal([&] { network->condition(inputs, latents); });
  }
  std::string refusal_of(const std::string& name, const at::Tensor& value) const {
    weights::ParameterMap changed = inputs;
    changed.erase(name);
    if (value.defined()) changed[name] = value;
    return refusal([&] { network->condition(changed, shape_of(sample)); });
  }
};

// Rows of a batch are as if alone; conditionings prepared apart are joined row by row.
inline void expect_rows_apart(const DenoiserCall& call) {
  const c10::InferenceMode inference;
  const at::Tensor together = call.run();
  const DenoiserConditioning all = call.condition();
  for (int64_t i = 0; i < together.size(0); ++i) {
    DenoiserConditioning one{{}, all.shared};
    for (const at::Tensor& row : all.rows) one.rows.push_back(row.narrow(0, i, 1));
    const at::Tensor alone =
        call.network->forward(call.sample.narrow(0, i, 1), call.timestep.narrow(0, i, 1), one);
    EXPECT_LE(relative_error(alone, together.narrow(0, i, 1)), kFp32Tolerance) << i;
  }
}

// Every block runs through the stack, in order; what the stack returns counts.
inline void expect_blocks_on_the_stack(const DenoiserCall& call, int64_t count) {
  struct Stack final : nn::BlockStack {
    int64_t left_out = -1;
    std::vector<int64_t> indices;
    at::Tensor run(int64_t index, const at::Tensor& x, const Block& block) override {
      indices.push_back(index);
      return index == left_out ? x : block(x);
    }
  };
  const c10::InferenceMode inference;
  const at::Tensor plain = call.run();
  Stack all;
  EXPECT_TRUE(at::equal(call.run(&all), plain));
  ASSERT_EQ(static_cast<int64_t>(all.indices.size()), count);
  for (int64_t i = 0; i < count; ++i) {
    EXPECT_EQ(all.indices[static_cast<size_t>(i)], i);
    Stack without;
    without.left_out = i;
    EXPECT_GT(relative_error(call.run(&without), plain), 1e-3) << i;
  }
}

}  // namespace zoetrope::models
