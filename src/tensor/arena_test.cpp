#include "tensor/arena.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <optional>
#include <random>

#include "tensor/memory.h"

namespace zoetrope::tensor {
namespace {

using Blocks = std::vector<DryRun::Block>;

void expect_sound(const ArenaPlan& plan, int64_t alignment) {
  ASSERT_EQ(plan.offsets.size(), plan.blocks.size());
  for (size_t i = 0; i < plan.blocks.size(); ++i) {
    EXPECT_EQ(plan.offsets[i] % alignment, 0);
    EXPECT_GE(plan.offsets[i], 0);
    EXPECT_LE(plan.offsets[i] + plan.blocks[i].bytes, plan.bytes);
    for (size_t k = 0; k < i; ++k) {
      const DryRun::Block &a = plan.blocks[i], &b = plan.blocks[k];
      if (a.begin >= b.end || b.begin >= a.end) continue;
      EXPECT_TRUE(plan.offsets[i] >= plan.offsets[k] + b.bytes ||
                  plan.offsets[k] >= plan.offsets[i] + a.bytes)
          << "blocks " << k << " and " << i << " live at the same time";
    }
  }
  EXPECT_GE(plan.bytes, peak_bytes(plan.blocks));
}

TEST(ArenaPlanTest, BlocksInTurnHaveOnePlace) {
  const ArenaPlan plan = plan_arena({{1000, 0, 1}, {900, 1, 2}, {1000, 2, 3}}, 256);
  EXPECT_EQ(plan.bytes, 1024);
  EXPECT_EQ(plan.offsets, (std::vector<int64_t>{0, 0, 0}));
}

TEST(ArenaPlanTest, TakesTheTightestGap) {
  // Two long blocks leave gaps of 4 and 2 units; the last fits the second.
  const ArenaPlan plan =
      plan_arena({{9, 0, 9}, {4, 0, 3}, {8, 0, 9}, {2, 0, 3}, {7, 0, 9}, {2, 4, 9}, {3, 4, 9}}, 1);
  expect_sound(plan, 1);
  EXPECT_EQ(plan.bytes, peak_bytes(plan.blocks));
}

TEST(ArenaPlanTest, NothingIsNothing) { EXPECT_EQ(plan_arena({}, 256).bytes, 0); }

TEST(ArenaPlanTest, NoTwoLivingBlocksMeet) {
  const auto seed = static_cast<unsigned>(testing::UnitTest::GetInstance()->random_seed());
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  for (int world = 0; world < 200; ++world) {
    Blocks blocks;
    std::vector<size_t> living;
    for (int64_t now = 0; now < 120; ++now) {
      if (living.empty() || random() % 2 == 0) {
        living.push_back(blocks.size());
        blocks.push_back({1 + static_cast<int64_t>(random() % 5000), now});
      } else {
        const size_t i = random() % living.size();
        blocks[living[i]].end = now;
        living.erase(living.begin() + static_cast<int64_t>(i));
      }
    }
    expect_sound(plan_arena(blocks, 256), 256);
  }
}

// With temporaries of several sizes, some of them kept.
at::Tensor compute(const at::Tensor& x, int64_t width) {
  at::Tensor y = x;
  std::vector<at::Tensor> kept;
  for (int64_t i = 1; i <= 4; ++i) {
    const at::Tensor wide = at::cat({y, y.narrow(1, 0, i)}, 1).sin();
    kept.push_back(wide.sum(1, true));
    y = y + at::matmul(wide, wide.transpose(0, 1)).mean() * kept[i / 2];
  }
  return at::cat({y, kept.front(), at::zeros({x.size(0), width})}, 1).clone();
}

Blocks recorded(const std::function<at::Tensor()>& run) {
  const AllocationRecord record;
  const at::Tensor result = run();
  return record.blocks();
}

class ArenaTest : public testing::Test {
 protected:
  at::Tensor run() const { return compute(x_, 3); }

  const at::Tensor x_ = at::arange(64 * 32, at::kFloat).view({64, 32}) / 2048;
  const at::Tensor want_ = run();
  const ArenaPlan plan_ = plan_arena(recorded([this] { return run(); }), Arena::kAlignment);
};

TEST_F(ArenaTest, RecordsWhatTorchAllocates) {
  int64_t peak = 0;
  {
    const AllocationPeak counter;
    run();
    peak = counter.peak_bytes();
  }
  EXPECT_EQ(peak_bytes(plan_.blocks), peak);
  expect_sound(plan_, Arena::kAlignment);
}

TEST_F(ArenaTest, TheSameBytesAndNoAllocations) {
  for (const auto freed : {Arena::WhenFreed::kLeave, Arena::WhenFreed::kPoison}) {
    Arena arena(plan_, freed);
    for (int run_number = 1; run_number <= 3; ++run_number) {
      const AllocationPeak others;
      at::Tensor got;
      {
        const Arena::Scope scope(arena);
        got = run();
      }
      EXPECT_EQ(others.total_bytes(), 0);
      EXPECT_TRUE(at::equal(got, want_));
      EXPECT_EQ(arena.placed(), run_number * static_cast<int64_t>(plan_.blocks.size()));
    }
    EXPECT_EQ(arena.strays(), 0);
  }
}

TEST_F(ArenaTest, FreedBlocksArePoisoned) {
  Arena arena(plan_arena({{400, 0, 1}}, Arena::kAlignment), Arena::WhenFreed::kPoison);
  const Arena::Scope scope(arena);
  at::Tensor block = at::ones({100});
  const float* address = block.const_data_ptr<float>();
  block.reset();
  EXPECT_TRUE(std::isnan(address[0]) && std::isnan(address[99]));
}

TEST_F(ArenaTest, AResultOutlivesScopeAndArena) {
  at::Tensor got;
  {
    Arena arena(plan_, Arena::WhenFreed::kPoison);
    const Arena::Scope scope(arena);
    got = run();
  }
  EXPECT_TRUE(at::equal(got, want_));
}

// What is still held keeps its place: the next run's goes elsewhere.
TEST_F(ArenaTest, AResultOutlivesTheNextRun) {
  Arena arena(plan_, Arena::WhenFreed::kPoison);
  std::vector<at::Tensor> all;
  for (int i = 0; i < 3; ++i) {
    const Arena::Scope scope(arena);
    all.push_back(run());
  }
  for (const at::Tensor& got : all) EXPECT_TRUE(at::equal(got, want_));
  EXPECT_GT(arena.strays(), 0);
}

TEST_F(ArenaTest, ARunThatIsNotAsPlannedIsRightToo) {
  Arena arena(plan_, Arena::WhenFreed::kPoison);
  const at::Tensor small = x_.narrow(0, 0, 5).clone();
  const at::Tensor want_small = compute(small, 1), want_wide = compute(x_, 70);
  const Arena::Scope scope(arena);
  EXPECT_TRUE(at::equal(compute(small, 1), want_small));
  const at::Tensor early = at::ones({7});  // and everything one later
  EXPECT_TRUE(at::equal(compute(x_, 70), want_wide));
  EXPECT_TRUE(at::equal(early, at::ones({7})));
  EXPECT_GT(arena.strays(), 0);
}

}  // namespace
}  // namespace zoetrope::tensor
