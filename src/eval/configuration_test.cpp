#include "eval/configuration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <nlohmann/json.hpp>

namespace zoetrope::eval {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(ConfigurationTest, ReadsEveryKey) {
  const auto c = parse_configuration(
                     "student:model=models/a b,steps=8,motion=0.5,text-guidance=1,"
                     "image-guidance=1.5")
                     .value_or_throw();
  EXPECT_EQ(c.name, "student");
  EXPECT_EQ(c.model, "models/a b");
  EXPECT_EQ(c.steps, 8);
  EXPECT_EQ(c.motion, 0.5);
  EXPECT_EQ(c.text_guidance, 1);
  EXPECT_EQ(c.image_guidance, 1.5);
  engine::Request request;
  c.apply(request);
  EXPECT_EQ(request.steps, 8);
  EXPECT_EQ(request.motion, 0.5);
}

TEST(ConfigurationTest, ANameAloneMeansTheDefaults) {
  const auto c = parse_configuration("plain").value_or_throw();
  EXPECT_TRUE(c.model.empty());
  EXPECT_FALSE(c.steps.has_value());
  EXPECT_EQ(parse_configuration("plain:").value_or_throw().name, "plain");
}

struct Wrong {
  const char* text;
  const char* named;
};

class WrongConfiguration : public testing::TestWithParam<Wrong> {};

TEST_P(WrongConfiguration, IsRefusedByName) {
  const auto refused = parse_configuration(GetParam().text);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.status().code(), base::StatusCode::kInvalidArgument);
  EXPECT_THAT(refused.status().message(), HasSubstr(GetParam().named));
  EXPECT_EQ(refused.status().message().find('\n'), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(
    All, WrongConfiguration,
    testing::Values(Wrong{"", "configuration ''"}, Wrong{":steps=8", "configuration ''"},
                    Wrong{"../up", "'../up'"}, Wrong{"real", "taken"}, Wrong{".hidden", "name"},
                    Wrong{"a:steps=eight", "'a': steps: 'eight' is not a whole number"},
                    Wrong{"a:steps=8.5", "steps"}, Wrong{"a:steps=", "steps"},
                    Wrong{"a:steps=99999999999", "steps"}, Wrong{"a:motion=1x", "motion"},
                    Wrong{"a:speed=2", "'a': speed: no such key"}, Wrong{"a:steps", "key=value"},
                    Wrong{"a:steps=8,steps=9", "twice"}, Wrong{"a:model=", "folder"},
                    Wrong{"a:steps=8,,motion=1", "key=value"}));

TEST(ConfigurationTest, TwoOfOneNameAreRefused) {
  const auto refused = parse_configurations({"a:steps=1", "b", "a:steps=2"});
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.status().message(), AllOf(HasSubstr("'a'"), HasSubstr("twice")));
  EXPECT_FALSE(parse_configurations({}).ok());
}

RC_GTEST_PROP(ConfigurationProperty, WhatIsDescribedIsWhatWasRead, ()) {
  const int steps = *rc::gen::inRange(-1000000, 1000000);
  const int milli = *rc::gen::inRange(-100000, 100000);
  const auto c = parse_configuration("x:steps=" + std::to_string(steps) +
                                     ",motion=" + std::to_string(milli / 1000.0))
                     .value_or_throw();
  RC_ASSERT(describe(c).at("steps") == steps);
  RC_ASSERT(std::abs(describe(c).at("motion").get<double>() - milli / 1000.0) < 1e-9);
}

RC_GTEST_PROP(ConfigurationProperty, AnyBytesGiveAConfigurationOrOneLine, (const std::string& t)) {
  const auto read = parse_configuration(t);
  if (!read.ok()) {
    RC_ASSERT(read.status().code() == base::StatusCode::kInvalidArgument);
  } else {
    RC_ASSERT(t.starts_with(read->name));
  }
}

}  // namespace
}  // namespace zoetrope::eval
