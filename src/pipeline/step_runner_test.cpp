// The denoise sessions of several requests, alone and together, on a tiny random model.
#include "pipeline/step_runner.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include "base/status.h"
#include "diffusion/flow_euler.h"
#include "ops/attention.h"
#include "pipeline/picture.h"
#include "pipeline/roles.h"
#include "support/random_model.h"
#include "support/temporary_folder.h"
#include "tensor/memory.h"
#include "tensor/noise.h"

namespace zoetrope::pipeline {
namespace {

using test_support::kRandomModelFrames;
using test_support::kRandomModelSize;

struct Wish {
  std::string prompt = "a rocket taking off";
  uint64_t seed = 1;
  int steps = 3;
  double image_guidance = 1.5;
  double text_guidance = 3.0;
  double motion = 0.7;
};

// Different in every way a batch allows: guidance of three, two and one branch, other step counts.
const Wish kDifferent[] = {{}, {"a cat nodding", 2, 2, 2.0, 2.0, 0.2}, {"", 3, 3, 1.0, 1.0, 1.0}};

// The parameter is the dtype of the model.
class StepRunnerTest : public testing::TestWithParam<at::ScalarType> {
 protected:
  StepRunnerTest() {
    test_support::write_random_model(folder_.path());
    components_.emplace(load_components(read_model_index(folder_.path()), GetParam(), at::kCPU));
    runner_.emplace(GetParam(), at::kCPU, Batching::kApart);
  }

  DenoiseSession session(const Wish& wish, const RunContext& context = {},
                         const DenoiseHooks& hooks = {}) {
    media::Image image(50, 40);
    for (size_t i = 0; i < image.rgb.size(); ++i) image.rgb[i] = static_cast<uint8_t>(i * 7);
    Bundle prompt, picture, noise;
    prompt.facts["text"] = wish.prompt;
    picture.tensors["pixels"] = to_pixels(image);
    picture.facts = {{"num_frames", kRandomModelFrames},
                     {"width", kRandomModelSize},
                     {"height", kRandomModelSize}};
    noise.tensors["noise"] = tensor::gaussian_noise(
        latent_shape(*components_, kRandomModelFrames, kRandomModelSize, kRandomModelSize),
        wish.seed, 0, 0, at::kCPU);
    noise.facts = {{"steps", wish.steps},
                   {"image_guidance", wish.image_guidance},
                   {"text_guidance", wish.text_guidance},
                   {"motion", wish.motion},
                   {"fps", 12.0},
                   {"keep_trajectory", false},
                   {"distilled", false}};
    return make_session(*components_, noise, text_encode(*components_, prompt),
                        image_encode(*components_, picture), nullptr, hooks, context);
  }

  at::Tensor latents_alone(const Wish& wish) {
    DenoiseSession one = session(wish);
    runner_->run(one);
    return one.latents();
  }

  // kDifferent, each stepped as long as it needs.
  std::vector<at::Tensor> latents_together(StepRunner& runner) {
    std::vector<DenoiseSession> sessions;
    for (const Wish& wish : kDifferent) sessions.push_back(session(wish));
    EXPECT_EQ(sessions[0].branches(), 3);
    EXPECT_EQ(sessions[1].branches(), 2);
    EXPECT_EQ(sessions[2].branches(), 1);
    while (true) {
      std::vector<DenoiseSession*> running;
      for (DenoiseSession& one : sessions) {
        if (!one.done()) running.push_back(&one);
      }
      if (running.empty()) break;
      runner.step(running);
    }
    std::vector<at::Tensor> latents;
    for (const DenoiseSession& one : sessions) latents.push_back(one.latents());
    return latents;
  }

  c10::NoGradGuard no_gradients_;
  test_support::TemporaryFolder folder_;
  std::optional<Components> components_;
  std::optional<StepRunner> runner_;
};

TEST_P(StepRunnerTest, SameBytesAloneOrWithTwoOthers) {
  std::vector<at::Tensor> alone;
  for (const Wish& wish : kDifferent) alone.push_back(latents_alone(wish));
  const std::vector<at::Tensor> together = latents_together(*runner_);
  for (size_t i = 0; i < alone.size(); ++i) {
    EXPECT_TRUE(at::equal(together[i], alone[i])) << "request " << i;
    EXPECT_TRUE(alone[i].isfinite().all().item<bool>());
  }
}

// In one batch the library may add in another order, which three steps may then amplify.
TEST_P(StepRunnerTest, OneBatchForAllAgreesToRounding) {
  StepRunner batched(GetParam(), at::kCPU, Batching::kTogether);
  const std::vector<at::Tensor> together = latents_together(batched);
  const double tolerance = GetParam() == at::kFloat ? 1e-5 : 2e-2;
  for (size_t i = 0; i < together.size(); ++i) {
    EXPECT_LE(tensor::relative_l2(together[i], latents_alone(kDifferent[i])), tolerance);
  }
}

// A pass for each branch takes less memory, whatever else runs.
TEST_P(StepRunnerTest, BranchesApartAgreeToRounding) {
  DenoiseHooks hooks;
  hooks.branches_apart = true;
  StepRunner batched(GetParam(), at::kCPU, Batching::kTogether);
  DenoiseSession one = session({}, {}, hooks), other = session(kDifferent[1]);
  DenoiseSession* const both[] = {&one, &other};
  for (int i = 0; i < kDifferent[1].steps; ++i) batched.step(both);
  batched.run(one);
  const double tolerance = GetParam() == at::kFloat ? 1e-5 : 2e-2;
  EXPECT_LE(tensor::relative_l2(one.latents(), latents_alone({})), tolerance);
  EXPECT_LE(tensor::relative_l2(other.latents(), latents_alone(kDifferent[1])), tolerance);

  const auto peak_of = [&](DenoiseSession session) {
    const tensor::AllocationPeak peak;
    runner_->run(session);
    return peak.peak_bytes();
  };
  EXPECT_LT(peak_of(session({}, {}, hooks)), peak_of(session({})));
}

TEST_P(StepRunnerTest, SameBytesAgainAndWithOtherThreadCounts) {
  const int threads = at::get_num_threads();
  const at::Tensor first = latents_alone({});
  EXPECT_TRUE(at::equal(latents_alone({}), first));
  for (const int count : {1, 2, 3}) {
    at::set_num_threads(count);
    EXPECT_TRUE(at::equal(latents_alone({}), first)) << count << " threads";
  }
  at::set_num_threads(threads);
}

TEST_P(StepRunnerTest, EveryWishMatters) {
  const at::Tensor usual = latents_alone({});
  const Wish others[] = {{.prompt = "a cat"},     {.seed = 8},          {.steps = 4},
                         {.image_guidance = 2.5}, {.text_guidance = 6}, {.motion = 0.1}};
  for (const Wish& other : others) EXPECT_FALSE(at::equal(latents_alone(other), usual));
}

TEST_P(StepRunnerTest, ReportsProgressAndStopsAtACancel) {
  RunContext context;
  std::vector<int64_t> steps;
  context.progress = [&](const base::Progress& progress) {
    EXPECT_EQ(progress.stage, "denoise");
    EXPECT_EQ(progress.of, 50);
    steps.push_back(progress.step);
    if (progress.step == 2) context.cancel.cancel();
  };
  DenoiseSession one = session({.steps = 50}, context);
  EXPECT_THROW(runner_->run(one), base::Error);
  EXPECT_EQ(steps, (std::vector<int64_t>{0, 1, 2}));
}

TEST_P(StepRunnerTest, RefusesSessionsThatAreDone) {
  DenoiseSession one = session({.steps = 1});
  runner_->run(one);
  DenoiseSession* const done[] = {&one};
  EXPECT_THROW(runner_->step(done), base::Error);
}

INSTANTIATE_TEST_SUITE_P(Dtypes, StepRunnerTest, testing::Values(at::kFloat, at::kBFloat16),
                         [](const auto& info) { return std::string(c10::toString(info.param)); });

// Attends over as many tokens as fp8 is for.
class Attending final : public models::Denoiser {
 public:
  Conditioning condition(const weights::ParameterMap&, const LatentShape&) const override {
    return {};
  }
  at::Tensor forward(const at::Tensor& sample, const at::Tensor&, const Conditioning&,
                     nn::BlockStack*) const override {
    const at::Tensor tokens = sample.view({1, 2048, 1, 64});
    return ops::attention(tokens, tokens, tokens).view(sample.sizes());
  }
};

TEST(StepRunnerAttention, IsAsExactAsTheRunnerIsTold) {
  const Attending network;
  const auto latents = [&](ops::AttentionPrecision precision) {
    DenoiseSession::Setup setup;
    setup.experts.push_back({&network,
                             {.rows = {at::zeros({1, 1})}, .shared = {}},
                             diffusion::GuidancePlan::classifier_free(1)});
    setup.schedule = diffusion::FlowEulerScheduler({}).begin(1, {});
    setup.noise = tensor::gaussian_noise({1, 32, 64, 64}, 1, 0, 0, at::kCPU);
    DenoiseSession session(std::move(setup));
    StepRunner runner(at::kBFloat16, at::kCPU, Batching::kApart, Launch::kRecorded, precision);
    runner.run(session);
    return session.latents();
  };
  using enum ops::AttentionPrecision;
  const at::Tensor exact = latents(kExact);
  const double difference = tensor::relative_l2(latents(kFp8), exact);
  EXPECT_GT(difference, 1e-4);
  EXPECT_LT(difference, 0.1);
  EXPECT_TRUE(at::equal(latents(kExact), exact)) << "the scope outlives its pass";
}

}  // namespace
}  // namespace zoetrope::pipeline
