// Properties of the animate U-Net that hold whatever its weights are.
#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/status.h"
#include "models/animate_unet/network.h"
#include "models/test_support.h"
#include "nn/attention.h"
#include "tensor/memory.h"
#include "weights/random_source.h"

namespace zoetrope::models {
namespace {

// ---- The context is projected once per clip, not once per frame -------------------------------

struct ContextCase {
  int64_t clips = 2, frames = 16, pixels = 12, tokens = 40, width = 24, context_width = 20;
  nn::HeadLayout heads{3, 8};
  weights::RandomSource source{1, at::kDouble};
  nn::LayerNorm norm{weights::Scope(source).sub("norm"), width};
  nn::CrossAttention attention{weights::Scope(source), width, context_width, heads};
  at::Tensor x = at::randn({clips, frames* pixels, width}, at::kDouble);
  at::Tensor context = at::randn({clips, tokens, context_width}, at::kDouble);

  at::Tensor repeated_context() const { return context.repeat_interleave(frames, 0); }
  at::Tensor by_frame() const { return x.reshape({clips * frames, pixels, width}); }
  // What attention to the context adds to x.
  at::Tensor added(const at::Tensor& x, const at::Tensor& context) const {
    return attention.add_to(x, norm, attention.project(context)) - x;
  }
};

TEST(AnimateContext, AfterProjectionEqualsRepeatedBefore) {
  const ContextCase c;
  const c10::InferenceMode inference;
  const at::Tensor once = c.added(c.x, c.context);
  const at::Tensor repeated = c.added(c.by_frame(), c.repeated_context());
  EXPECT_LE(relative_error(once, repeated.reshape(once.sizes())), 1e-12);
}

// Through the repetition each frame's share of the gradient is added up.
TEST(AnimateContext, ItsGradientIsTheSumOverFrames) {
  const ContextCase c;
  const at::Tensor weight = at::randn_like(c.x);
  const auto gradient = [&](const auto& attend) {
    const at::Tensor context = c.context.detach().clone().requires_grad_(true);
    (attend(context).reshape(c.x.sizes()) * weight).sum().backward();
    return context.grad();
  };
  const at::Tensor once =
      gradient([&](const at::Tensor& context) { return c.added(c.x, context); });
  const at::Tensor repeated = gradient([&](const at::Tensor& context) {
    return c.added(c.by_frame(), context.repeat_interleave(c.frames, 0));
  });
  EXPECT_LE(relative_error(once, repeated), 1e-12);
}

TEST(AnimateContext, KeysAndValuesTakeMemoryForOneContextAClip) {
  const ContextCase c;
  const c10::InferenceMode inference;
  const auto allocated = [&](const auto& context) {
    const tensor::AllocationPeak peak;
    const nn::KeyValue kv = c.attention.project(context());
    return peak.peak_bytes();
  };
  const int64_t once = allocated([&] { return c.context; });
  const int64_t repeated = allocated([&] { return c.repeated_context(); });
  const int64_t keys_and_values =
      2 * c.clips * c.tokens * c.width * static_cast<int64_t>(sizeof(double));
  EXPECT_GE(once, keys_and_values);
  EXPECT_LT(once, 2 * keys_and_values);
  EXPECT_GE(repeated, c.frames * keys_and_values);
}

// ---- The whole network ------------------------------------------------------------------------

AnimateUnetConfig i2vgen() {
  AnimateUnetConfig c;
  c.block_out_channels = {8, 16};
  c.down_block_has_attention = {true, false};
  c.up_block_has_attention = {false, true};
  c.layers_per_block = 1;
  c.norm_num_groups = 2;
  c.cross_attention_dim = 12;
  c.attention_head_dim = 4;
  return c;
}

AnimateUnetConfig bundled() {
  return AnimateUnetConfig::from_json(Fixture("animate_unet/bundled").config());
}

struct ClipInputs {
  AnimateUnet::Inputs condition;
  at::Tensor sample, timestep;

  ClipInputs(const AnimateUnetConfig& c, int64_t batch, at::ScalarType dtype) {
    const std::vector<int64_t> clip = {batch, 4, 16, 16, c.in_channels};
    condition = {.text = at::randn({batch, 6, c.cross_attention_dim}).to(dtype),
                 .image_latents = at::randn(clip).to(dtype),
                 .image_embeddings = at::randn({batch, c.cross_attention_dim}).to(dtype),
                 .fps = at::arange(batch) * 20 + 8};
    sample = at::randn(clip).to(dtype);
    timestep = at::arange(batch) * 300 + 50;
  }
  ClipInputs only(int64_t i) const {
    ClipInputs one = *this;
    for (at::Tensor* t :
         {&one.condition.text, &one.condition.image_latents, &one.condition.image_embeddings,
          &one.condition.fps, &one.sample, &one.timestep}) {
      *t = t->narrow(0, i, 1);
    }
    return one;
  }
  at::Tensor predict(const AnimateUnet& unet) const {
    return unet.forward(sample, timestep, unet.condition(condition));
  }
};

class AnimateUnetVariant : public testing::TestWithParam<AnimateUnetConfig (*)()> {};

TEST_P(AnimateUnetVariant, GradientsReachEveryParameter) {
  TrainedSource source;
  const AnimateUnetConfig config = GetParam()();
  const AnimateUnet unet(config, weights::Scope(source));
  ClipInputs(config, 2, at::kFloat).predict(unet).square().mean().backward();
  source.expect_gradients();
}

TEST_P(AnimateUnetVariant, ABatchChangesNoClip) {
  // bf16, what a CPU runs by default, gives equal bytes. MKL's fp32 products round differently for
  // other numbers of rows, so there the promise is a tolerance.
  for (const auto dtype : {at::kFloat, at::kBFloat16}) {
    TrainedSource source(dtype);
    const AnimateUnetConfig config = GetParam()();
    const AnimateUnet unet(config, weights::Scope(source));
    const c10::InferenceMode inference;
    const ClipInputs three(config, 3, dtype);
    const at::Tensor together = three.predict(unet);
    for (int64_t i = 0; i < 3; ++i) {
      const at::Tensor alone = three.only(i).predict(unet);
      const at::Tensor among = together.narrow(0, i, 1);
      if (dtype == at::kFloat) {
        EXPECT_LE(relative_error(alone, among), kFp32Tolerance) << i;
      } else {
        EXPECT_TRUE(at::equal(alone, among)) << i;
      }
    }
  }
}

// The whole network, with keys and values made from a context repeated for every frame: the way
// diffusers goes, and the top rung of `bench ladder`.
TEST_P(AnimateUnetVariant, AContextRepeatedForEveryFrameChangesNothing) {
  TrainedSource source(at::kDouble);
  const AnimateUnetConfig config = GetParam()();
  const AnimateUnet unet(config, weights::Scope(source));
  const c10::InferenceMode inference;
  const ClipInputs inputs(config, 2, at::kDouble);
  AnimateUnet::Conditioning conditioning = unet.condition(inputs.condition);
  const at::Tensor once = unet.forward(inputs.sample, inputs.timestep, conditioning);
  const at::Tensor context = unet.context(inputs.condition);
  conditioning.attention =
      unet.project_context(context.repeat_interleave(inputs.sample.size(1), 0));
  EXPECT_LE(relative_error(unet.forward(inputs.sample, inputs.timestep, conditioning), once),
            1e-12);
}

// A stack sees every block by its name's place, and one that runs them all changes nothing.
TEST_P(AnimateUnetVariant, AStackSeesEveryBlock) {
  struct Recorder final : nn::BlockStack {
    std::vector<int64_t> indices;
    at::Tensor run(int64_t index, const at::Tensor& x, const Block& block) override {
      indices.push_back(index);
      at::Tensor y = block(x);
      EXPECT_EQ(y.sizes(), x.sizes());
      return y;
    }
  };
  TrainedSource source;
  const AnimateUnetConfig config = GetParam()();
  const AnimateUnet unet(config, weights::Scope(source));
  const c10::InferenceMode inference;
  const ClipInputs inputs(config, 1, at::kFloat);
  const AnimateUnet::Conditioning conditioning = unet.condition(inputs.condition);
  Recorder recorder;
  const at::Tensor stacked = unet.forward(inputs.sample, inputs.timestep, conditioning, &recorder);
  EXPECT_TRUE(at::equal(stacked, unet.forward(inputs.sample, inputs.timestep, conditioning)));
  EXPECT_EQ(recorder.indices.size(), unet.stacked_blocks().size());
  for (size_t i = 0; i < recorder.indices.size(); ++i) {
    EXPECT_EQ(recorder.indices[i], static_cast<int64_t>(i));
  }
}

std::string variant_name(const testing::TestParamInfo<AnimateUnetConfig (*)()>& info) {
  return info.index == 0 ? "i2vgen" : "bundled";
}

INSTANTIATE_TEST_SUITE_P(All, AnimateUnetVariant, testing::Values(&i2vgen, &bundled), variant_name);

TEST(AnimateUnetConfig, SurvivesTheWayThroughJson) {
  for (const auto& config : {i2vgen(), bundled()}) {
    const auto json = config.to_json();
    EXPECT_EQ(AnimateUnetConfig::from_json(json_object(json)).to_json(), json);
  }
  EXPECT_TRUE(bundled().first_frame_keys);
  EXPECT_EQ(bundled().latent_fold, 2);
}

TEST(AnimateUnetConfig, RefusalsNameTheField) {
  expect_refusals<AnimateUnetConfig>(i2vgen().to_json(),
                                     {{{"in_channels", 0}},
                                      {{"layers_per_block", 0}},
                                      {{"norm_num_groups", 3}},
                                      {{"attention_head_dim", 5}},
                                      {{"block_out_channels", nlohmann::json::array()}},
                                      {{"down_block_types", {"DownBlock3D"}}},
                                      {{"up_block_types", {"UpBlock2D", "UpBlock2D"}}},
                                      {{"cross_attention_dim", -1}},
                                      {{"latent_fold", 0}},
                                      {{"position_frames", -2}},
                                      {{"temporal_conv_layers", 0}},
                                      {{"image_context_size", 0}}});
}

}  // namespace
}  // namespace zoetrope::models
