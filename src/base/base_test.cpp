#include <gtest/gtest.h>

#include <cmath>
#include <memory>

#include "base/cancel.h"
#include "base/philox.h"
#include "base/progress.h"
#include "base/result.h"

namespace zoetrope::base {
namespace {

Result<int> half(int x) {
  if (x % 2 != 0) return invalid_argument("x must be even");
  return x / 2;
}

Result<int> quarter(int x) {
  ZT_ASSIGN_OR_RETURN(const int h, half(x));
  ZT_ASSIGN_OR_RETURN(const int q, half(h));
  return q;
}

TEST(Result, PropagatesTheFirstFailure) {
  EXPECT_EQ(*quarter(8), 2);
  EXPECT_EQ(quarter(6).status(), invalid_argument("x must be even"));
  EXPECT_THROW(static_cast<void>(quarter(7).value_or_throw()), Error);
}

TEST(Result, HoldsMoveOnlyValues) {
  Result<std::unique_ptr<int>> r = std::make_unique<int>(3);
  EXPECT_EQ(*std::move(r).value(), 3);
}

TEST(Result, RefusesAnOkStatusWithoutAValue) {
  EXPECT_EQ(Result<int>(Status()).status().code(), StatusCode::kInternal);
}

TEST(Status, ContextIsPutInFront) {
  EXPECT_EQ(data_loss("truncated").with_context("a.bin").message(), "a.bin: truncated");
  EXPECT_TRUE(Status().with_context("a.bin").ok());
  EXPECT_EQ(to_string(StatusCode::kUnauthenticated), "unauthenticated");
}

TEST(CancelToken, CopiesShareTheBit) {
  CancelToken a;
  const CancelToken b = a;
  EXPECT_NO_THROW(b.check());
  a.cancel();
  EXPECT_THROW(b.check(), Error);
}

// Known answers from the Random123 distribution (kat_vectors, philox4x32 10 rounds).
TEST(Philox, KnownAnswers) {
  const Philox4 zero = philox4x32(0, 0, 0);
  EXPECT_EQ(zero.word[0], 0x6627e8d5u);
  EXPECT_EQ(zero.word[1], 0xe169c58du);
  EXPECT_EQ(zero.word[2], 0xbc57ac4cu);
  EXPECT_EQ(zero.word[3], 0x9b00dbd8u);
  const Philox4 ones = philox4x32(~0ull, ~0ull, ~0ull);
  EXPECT_EQ(ones.word[0], 0x408f276du);
  EXPECT_EQ(ones.word[3], 0x6d5451fdu);
}

TEST(Philox, QuantileInvertsTheNormalDistribution) {
  for (const double p : {1e-15, 1e-9, 0.001, 0.07, 0.075, 0.3, 0.5, 0.7, 0.93, 0.999, 1 - 1e-9}) {
    const double back = 0.5 * std::erfc(-normal_quantile(p) / std::sqrt(2.0));
    EXPECT_NEAR(back / p, 1.0, 4e-14) << p;
  }
}

TEST(Philox, NormalsHaveTheRightMoments) {
  constexpr int kCount = 200000;
  double sum = 0, square = 0, fourth = 0;
  for (int i = 0; i < kCount; ++i) {
    const double x = normal_at(42, 0, i);
    sum += x;
    square += x * x;
    fourth += x * x * x * x;
  }
  // Five standard errors of each estimator.
  EXPECT_NEAR(sum / kCount, 0.0, 5.0 / std::sqrt(kCount));
  EXPECT_NEAR(square / kCount, 1.0, 5.0 * std::sqrt(2.0 / kCount));
  EXPECT_NEAR(fourth / kCount, 3.0, 5.0 * std::sqrt(96.0 / kCount));
}

TEST(Progress, AnEmptySinkIsFine) { report({}, "denoise", 1, 2); }

}  // namespace
}  // namespace zoetrope::base
