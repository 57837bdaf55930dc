#include "tensor/memory.h"

#include <gtest/gtest.h>

namespace zoetrope::tensor {
namespace {

constexpr int64_t kMiB = 1 << 20;

at::Tensor block(int64_t mib) { return at::empty({mib * kMiB}, at::kByte); }

TEST(AllocationPeakTest, CountsWhatLivesAtOneTime) {
  const AllocationPeak counter;
  at::Tensor kept = block(2);
  for (int i = 0; i < 3; ++i) block(4);  // one after another
  EXPECT_EQ(counter.peak_bytes(), 6 * kMiB);
  EXPECT_EQ(counter.live_bytes(), 2 * kMiB);
  EXPECT_EQ(counter.total_bytes(), 14 * kMiB);
  kept.reset();
  EXPECT_EQ(counter.live_bytes(), 0);
}

TEST(AllocationPeakTest, SeesOnlyItsOwnScope) {
  at::Tensor before = block(8);
  const AllocationPeak counter;
  before.reset();
  block(1);
  EXPECT_EQ(counter.peak_bytes(), kMiB);
  EXPECT_EQ(counter.live_bytes(), 0);
}

TEST(AllocationPeakTest, CountsTemporariesInsideOperations) {
  const at::Tensor x = at::ones({kMiB / 4});  // 1 MiB of fp32
  const AllocationPeak counter;
  const at::Tensor y = (x + 1) * 2;
  EXPECT_GE(counter.peak_bytes(), 2 * kMiB);
  EXPECT_LT(counter.peak_bytes(), 3 * kMiB);
}

TEST(PeakProcessBytesTest, CoversALargeBlock) {
  const at::Tensor touched = at::ones({64 * kMiB}, at::kByte);
  EXPECT_GE(peak_process_bytes(), 64 * kMiB);
}

}  // namespace
}  // namespace zoetrope::tensor
