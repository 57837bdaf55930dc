#include "models/hidream/experts.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <string>

#include "models/test_support.h"
#include "weights/random_source.h"

namespace zoetrope::models {
namespace {

constexpr int64_t kChannels = 8, kHidden = 16;

class Experts : public testing::TestWithParam<RoutedExperts::Counts> {};

// Every expert on every token, weighted by the scores that are among the highest.
at::Tensor all_on_all(const weights::ParameterMap& parameters, RoutedExperts::Counts counts,
                      const at::Tensor& input) {
  const at::Tensor x = input.to(at::kDouble);
  const auto product = [&](const at::Tensor& in, const std::string& name) {
    return at::matmul(in, parameters.at(name + ".weight").to(at::kDouble).t());
  };
  const auto expert = [&](const std::string& path) {
    return product(at::silu(product(x, path + ".w1")) * product(x, path + ".w3"), path + ".w2");
  };
  const at::Tensor scores = at::softmax(product(x, "gate"), -1);
  const at::Tensor least = std::get<0>(at::topk(scores, counts.activated, -1)).amin(-1, true);
  const at::Tensor weight = scores * scores.ge(least);
  at::Tensor y = expert("shared_experts");
  for (int64_t i = 0; i < counts.routed; ++i) {
    y = y + weight.select(-1, i).unsqueeze(-1) * expert("experts." + std::to_string(i));
  }
  return y;
}

TEST_P(Experts, EqualAllExpertsOnAllTokensMasked) {
  weights::RandomSource source(3);
  const RoutedExperts experts(weights::Scope(source), kChannels, kHidden, GetParam());
  const c10::InferenceMode inference;
  const at::Tensor x = at::linspace(-2, 2, 3 * 11 * kChannels).mul(5).sin().view({3, 11, -1});
  EXPECT_LE(relative_error(experts(x), all_on_all(source.parameters(), GetParam(), x)),
            kFp32Tolerance);
  EXPECT_TRUE(at::equal(experts(x), experts(x)));
}

// Of one token, most experts get none.
TEST_P(Experts, MayBeIdle) {
  weights::RandomSource source(4);
  const RoutedExperts experts(weights::Scope(source), kChannels, kHidden, GetParam());
  const c10::InferenceMode inference;
  const at::Tensor x = at::arange(kChannels, at::kFloat).cos().view({1, 1, -1});
  EXPECT_LE(relative_error(experts(x), all_on_all(source.parameters(), GetParam(), x)),
            kFp32Tolerance);
}

INSTANTIATE_TEST_SUITE_P(All, Experts,
                         testing::Values(RoutedExperts::Counts{4, 2}, RoutedExperts::Counts{5, 1},
                                         RoutedExperts::Counts{3, 3}));

}  // namespace
}  // namespace zoetrope::models
