// Block caching on a network of known blocks: block b adds (b + 1) * t(step) * x.
#include "diffusion/block_cache.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "base/status.h"

namespace zoetrope::diffusion {
namespace {

constexpr int kSteps = 6;
constexpr int64_t kBlocks = 3;

BlockProfile profile_of(std::vector<std::vector<double>> change) {
  BlockProfile profile;
  for (int64_t i = 0; i < kBlocks; ++i) profile.blocks.push_back("block" + std::to_string(i));
  profile.change = std::move(change);
  return profile;
}

// Block 0 hardly changes, block 1 does by a tenth a step, block 2 by a half.
BlockProfile usual() { return profile_of(std::vector(kSteps, std::vector{0.001, 0.1, 0.5})); }

std::shared_ptr<const BlockPlan> plan(double threshold) {
  return std::make_shared<BlockPlan>(BlockPlan{BlockSchedule(usual(), threshold), {}});
}

// One pass at `step`; notes which blocks ran. Without a cache: all.
at::Tensor pass(BlockCache* cache, int step, at::Tensor x, std::vector<int64_t>* ran = nullptr) {
  if (cache != nullptr) cache->begin_step(step);
  for (int64_t b = 0; b < kBlocks; ++b) {
    const nn::BlockStack::Block block = [&](const at::Tensor& h) {
      if (ran != nullptr) ran->push_back(b);
      return h + h * (0.1 * static_cast<double>(b + 1) * (step + 1));
    };
    x = cache != nullptr ? cache->run(b, x, block) : block(x);
  }
  if (cache != nullptr) cache->end_step();
  return x;
}

TEST(BlockScheduleTest, ABlockRunsWhenItsChangesAddUp) {
  const BlockSchedule schedule(usual(), 0.25);
  const std::vector<std::vector<bool>> expected = {{true, true, true},    // the first step
                                                   {false, false, true},  // 0.5 > 0.25 each time
                                                   {false, false, true},  // 0.1 + 0.1
                                                   {false, true, true},   // 0.3
                                                   {false, false, true},  //
                                                   {true, true, true}};   // the last step
  for (int step = 0; step < kSteps; ++step) {
    for (int64_t b = 0; b < kBlocks; ++b) {
      EXPECT_EQ(schedule.runs(step, b), expected[step][b]) << step << " " << b;
    }
  }
  EXPECT_TRUE(schedule.caches());
  EXPECT_DOUBLE_EQ(schedule.share_run(), 11.0 / 18.0);
}

TEST(BlockScheduleTest, ZeroOrLessIsOff) {
  for (const double threshold : {0.0, -1.0}) {
    const BlockSchedule schedule(profile_of(std::vector(kSteps, std::vector(kBlocks, 0.0))),
                                 threshold);
    EXPECT_FALSE(schedule.caches());
    EXPECT_EQ(schedule.share_run(), 1.0);
  }
}

TEST(BlockScheduleTest, AnInfiniteThresholdLeavesTheForcedSteps) {
  const BlockSchedule schedule(usual(), std::numeric_limits<double>::infinity());
  for (int step = 0; step < kSteps; ++step) {
    for (int64_t b = 0; b < kBlocks; ++b) {
      EXPECT_EQ(schedule.runs(step, b), step == 0 || step + 1 == kSteps);
    }
  }
}

// Whatever the profile: no block rests while its changes sum to more than the threshold, and none
// runs before they do.
TEST(BlockScheduleTest, RestsExactlyWithinTheThreshold) {
  std::mt19937 random(1);
  for (int trial = 0; trial < 300; ++trial) {
    const int steps = 1 + static_cast<int>(random() % 30);
    const double threshold = 0.02 * static_cast<double>(1 + random() % 100);
    std::vector<std::vector<double>> change(steps, std::vector<double>(kBlocks));
    for (auto& row : change) {
      for (double& value : row) value = 0.01 * static_cast<double>(random() % 100);
    }
    const BlockSchedule schedule(profile_of(change), threshold);
    for (int64_t b = 0; b < kBlocks; ++b) {
      double since_run = 0;
      for (int step = 1; step + 1 < steps; ++step) {
        since_run += change[step][b];
        EXPECT_EQ(schedule.runs(step, b), since_run > threshold) << "trial " << trial;
        if (schedule.runs(step, b)) since_run = 0;
      }
    }
  }
}

TEST(BlockScheduleTest, RefusesWhatIsNoProfile) {
  EXPECT_THROW(BlockSchedule(profile_of({{0.0, 0.0}}), 1), base::Error);
  EXPECT_THROW(BlockSchedule(profile_of({{0.0, 0.0, -0.1}}), 1), base::Error);
  EXPECT_THROW(BlockSchedule(profile_of({{0.0, 0.0, std::nan("")}}), 1), base::Error);
}

TEST(BlockCacheTest, WithoutCachingNothingChanges) {
  const at::Tensor x = at::randn({2, 3, 4});
  BlockCache cache(plan(0.0));
  for (int step = 0; step < kSteps; ++step) {
    EXPECT_TRUE(at::equal(pass(&cache, step, x), pass(nullptr, step, x)));
    EXPECT_EQ(cache.kept_bytes(), 0);
  }
}

TEST(BlockCacheTest, TheTraceIsTheSchedule) {
  const auto shared = plan(0.25);
  const at::Tensor x = at::randn({2, 3, 4});
  BlockCache cache(shared);
  for (int step = 0; step < kSteps; ++step) {
    std::vector<int64_t> ran, expected;
    pass(&cache, step, x, &ran);
    for (int64_t b = 0; b < kBlocks; ++b) {
      if (shared->schedule.runs(step, b)) expected.push_back(b);
    }
    EXPECT_EQ(ran, expected) << "step " << step;
  }
}

TEST(BlockCacheTest, ABlockThatRestsAddsWhatItAddedLast) {
  const at::Tensor x = at::ones({1, 2}, at::kDouble);
  BlockCache cache(plan(0.25));
  pass(&cache, 0, x);
  // At step 0 the blocks see 1, 1.1 and 1.1 * 1.2. At step 1 only the last one runs.
  const double before_last = 1.0 + 0.1 + 1.1 * 0.2;
  const at::Tensor y = pass(&cache, 1, x);
  EXPECT_NEAR(y[0][0].item<double>(), before_last * (1 + 0.3 * 2), 1e-12);
}

TEST(BlockCacheTest, ACorrectionScalesAndShiftsEachChannel) {
  BlockPlan corrected{BlockSchedule(usual(), 0.25), {}};
  for (int64_t b = 0; b < kBlocks; ++b) {
    corrected.corrections.push_back({at::full({kSteps, 2}, 2.0), at::zeros({kSteps, 2})});
  }
  corrected.corrections[0].shift[1][1] = 5.0;  // block 0, step 1, channel 1
  BlockCache cache(std::make_shared<BlockPlan>(corrected));
  BlockCache plain(plan(0.25));
  const at::Tensor x = at::ones({1, 2}, at::kDouble);
  pass(&cache, 0, x);
  pass(&plain, 0, x);
  cache.begin_step(1);
  plain.begin_step(1);
  const auto never = [](const at::Tensor&) -> at::Tensor { throw std::logic_error("runs"); };
  const at::Tensor added = plain.run(0, x, never) - x;
  const at::Tensor y = cache.run(0, x, never) - x;
  EXPECT_NEAR(y[0][0].item<double>(), 2 * added[0][0].item<double>(), 1e-6);
  EXPECT_NEAR(y[0][1].item<double>(), 2 * added[0][1].item<double>() + 5, 1e-6);
}

TEST(BlockCacheTest, RequestsInTurnEqualThemselvesAlone) {
  const auto shared = plan(0.25);
  const at::Tensor a = at::randn({2, 3}), b = at::randn({2, 3});
  std::vector<at::Tensor> alone_a, alone_b;
  BlockCache cache_a(shared), cache_b(shared);
  for (int step = 0; step < kSteps; ++step) alone_a.push_back(pass(&cache_a, step, a));
  for (int step = 0; step < kSteps; ++step) alone_b.push_back(pass(&cache_b, step, b));
  BlockCache turn_a(shared), turn_b(shared);
  for (int step = 0; step < kSteps; ++step) {
    EXPECT_TRUE(at::equal(pass(&turn_a, step, a), alone_a[step]));
    EXPECT_TRUE(at::equal(pass(&turn_b, step, b), alone_b[step]));
  }
}

// As a recorded pass does it: a copy does the work, its kept tensors are copied to and fro.
TEST(BlockCacheTest, APassOfACopyGivesTheSame) {
  const auto shared = plan(0.25);
  const at::Tensor x = at::randn({2, 3});
  BlockCache direct(shared), request(shared);
  for (int step = 0; step < kSteps; ++step) {
    const at::Tensor expected = pass(&direct, step, x);
    const at::Tensor input = x.clone();
    request.begin_step(step);
    const auto copy = request.clone();
    at::Tensor y = input;
    for (int64_t b = 0; b < kBlocks; ++b) {
      y = copy->run(b, y, [&](const at::Tensor& h) {
        return h + h * (0.1 * static_cast<double>(b + 1) * (step + 1));
      });
    }
    request.keep_from(*copy);
    for (const at::Tensor& kept : copy->read_now()) kept.fill_(NAN);  // nothing is shared
    request.end_step();
    EXPECT_TRUE(at::equal(y, expected)) << step;
    EXPECT_EQ(request.kept_bytes(), direct.kept_bytes());
  }
}

TEST(BlockCacheTest, KeepsNoMoreThanTheNextStepReads) {
  BlockCache cache(plan(0.25));
  const at::Tensor x = at::randn({2, 3});
  const std::vector<int64_t> kept_blocks = {2, 2, 1, 2, 0, 0};
  for (int step = 0; step < kSteps; ++step) {
    pass(&cache, step, x);
    EXPECT_EQ(cache.kept_bytes(), kept_blocks[step] * static_cast<int64_t>(x.nbytes())) << step;
  }
}

TEST(BlockCacheTest, StepsAreTakenInOrder) {
  BlockCache cache(plan(0.25));
  EXPECT_THROW(cache.begin_step(1), base::Error);
  cache.begin_step(0);
  EXPECT_THROW(cache.begin_step(0), base::Error);
}

}  // namespace
}  // namespace zoetrope::diffusion
