#include "ops/ladder.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "base/status.h"

namespace zoetrope::ops {
namespace {

struct Problem {
  int size;
};

bool small(const Problem& p) { return p.size < 10; }
at::Tensor answer(int64_t value) { return at::full({}, value, at::kLong); }

Ladder<Problem> ladder("ladder_test", {{"fast", small, [](const Problem&) { return answer(1); }},
                                       {"slow", always, [](const Problem&) { return answer(2); }}});

int64_t run(int size) { return ladder({size}).item<int64_t>(); }

TEST(Ladder, TakesTheFirstVariantThatSupportsTheProblem) {
  EXPECT_EQ(run(1), 1);
  EXPECT_EQ(run(100), 2);
}

TEST(Ladder, AForcedVariantIsTheOnlyOne) {
  {
    const ForceVariant slow("ladder_test", "slow");
    EXPECT_EQ(run(1), 2);
    const ForceVariant fast("ladder_test", "fast");
    EXPECT_EQ(run(1), 1);
    EXPECT_THROW(run(100), base::Error);
  }
  EXPECT_EQ(run(100), 2);
}

TEST(Ladder, UnknownNamesAreRefused) {
  EXPECT_THROW(ForceVariant("ladder_test", "none"), base::Error);
  EXPECT_THROW(ForceVariant("no_such_op", "slow"), base::Error);
}

TEST(Ladder, TheReportCountsCalls) {
  const std::string before = ladder_report();
  run(100);
  EXPECT_NE(ladder_report(), before);
  EXPECT_NE(before.find("ladder_test: fast "), std::string::npos);
}

}  // namespace
}  // namespace zoetrope::ops
