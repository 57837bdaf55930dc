#include "traffic/control/metrics_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>

namespace zoetrope::traffic::control {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using Matcher = std::pair<std::string_view, std::string_view>;

const Names kWanted = {"zoetrope_load", "rq"};

std::vector<Sample> parsed(std::string_view text) {
  auto samples = parse_metrics(text, "m", kWanted);
  EXPECT_TRUE(samples.ok()) << samples.status().message();
  return samples.ok() ? *std::move(samples) : std::vector<Sample>();
}

TEST(MetricsText, GivesTheWantedSeries) {
  const auto samples = parsed(
      "# HELP zoetrope_load Slots held\n# TYPE zoetrope_load gauge\n"
      "zoetrope_load 1\nother{a=\"b\"} 5\n\n"
      "rq { to = \"use1\" , class=\"2\", } 7.5 1700000000000\r\n"
      "rq{to=\"a \\\"quoted\\\" \\\\ and\\nline\"} 1e3\nrq{} 2");
  EXPECT_EQ(sum(samples, "zoetrope_load"), 1);
  EXPECT_EQ(sum(samples, "other"), std::nullopt);
  EXPECT_EQ(sum(samples, "rq"), 1009.5);
  const std::array<Matcher, 2> two{{{"to", "use1"}, {"class", "2"}}};
  EXPECT_EQ(sum(samples, "rq", two), 7.5);
  const std::array<Matcher, 1> odd{{{"to", "a \"quoted\" \\ and\nline"}}};
  EXPECT_EQ(sum(samples, "rq", odd), 1000);
  const std::array<Matcher, 1> none{{{"to", "mars"}}};
  EXPECT_EQ(sum(samples, "rq", none), std::nullopt);
}

TEST(MetricsText, WhatIsNoReadingNeverBecomesANumber) {
  for (const char* value : {"NaN", "nan", "+Inf", "-Inf", "Inf", "-1", "-0.001", "1e999"}) {
    const auto samples = parsed(std::string("zoetrope_load ") + value + "\n");
    ASSERT_EQ(samples.size(), 1) << value;
    EXPECT_EQ(sum(samples, "zoetrope_load"), std::nullopt) << value;
    // One bad series makes a sum unknown, not smaller.
    const auto two = parsed(std::string("rq{a=\"1\"} 5\nrq{a=\"2\"} ") + value + "\n");
    EXPECT_EQ(sum(two, "rq"), std::nullopt) << value;
  }
  EXPECT_EQ(sum({}, "zoetrope_load"), std::nullopt);
  const auto huge = parsed("rq{a=\"1\"} 1.5e308\nrq{a=\"2\"} 1.5e308\n");
  EXPECT_EQ(sum(huge, "rq"), std::nullopt);
}

TEST(MetricsText, OneBadLineRefusesTheWhole) {
  for (const char* line : {"zoetrope_load",
                           "zoetrope_load ",
                           "zoetrope_load x",
                           "zoetrope_load 1 2 3",
                           "zoetrope_load 1 then",
                           "9lives 1",
                           "rq{a} 1",
                           "rq{a=} 1",
                           "rq{a=1} 1",
                           "rq{a=\"1} 1",
                           "rq{a=\"1\" 1",
                           "rq{a=\"\\x\"} 1",
                           "rq{a=\"1\",a=\"2\"} 1",
                           "rq{=\"1\"} 1",
                           "rq 0x12",
                           "rq +-1",
                           "rq 1_000",
                           "<html>",
                           "rq{a=\"1\"}",
                           "other{ 1"}) {
    const auto samples =
        parse_metrics(std::string("zoetrope_load 1\n") + line + "\n", "m", kWanted);
    ASSERT_FALSE(samples.ok()) << line;
    EXPECT_THAT(samples.status().message(), StartsWith("m:2: ")) << line;
  }
  EXPECT_THAT(parse_metrics("rq{a=\"1\"} 1\nrq{a=\"1\"} 2\n", "m", kWanted).status().message(),
              HasSubstr("occurs twice"));
}

TEST(PrometheusReply, GivesTheLastScrapeOfEachTarget) {
  const auto targets = parse_prometheus_reply(R"({"status":"success","data":{"resultType":"matrix",
    "result":[
     {"metric":{"__name__":"zoetrope_load","instance":"10.0.0.1:80"},
      "values":[[1700000000.5,"0"],[1700000005.5,"1"]]},
     {"metric":{"__name__":"gone","instance":"10.0.0.1:80"},"values":[[1700000000.5,"7"]]},
     {"metric":{"__name__":"zoetrope_slots","instance":"10.0.0.1:80"},
      "values":[[1700000005.5,"+Inf"]]},
     {"metric":{"__name__":"zoetrope_load","instance":"10.0.0.2:80"},
      "values":[[1700000003,"NaN"]]}]}})",
                                              "p");
  ASSERT_TRUE(targets.ok()) << targets.status().message();
  ASSERT_EQ(targets->size(), 2);
  const RememberedTarget& one = targets->at("10.0.0.1:80");
  EXPECT_EQ(one.time, std::chrono::milliseconds(1700000005500));
  EXPECT_EQ(sum(one.samples, "zoetrope_load"), 1);
  EXPECT_EQ(sum(one.samples, "zoetrope_slots"), std::nullopt);
  EXPECT_EQ(sum(one.samples, "gone"), std::nullopt);
  EXPECT_EQ(sum(targets->at("10.0.0.2:80").samples, "zoetrope_load"), std::nullopt);
}

TEST(PrometheusReply, RefusesWhatIsNone) {
  for (
      const char* text :
      {"", "{}", "[]", "null", R"({"status":"error","error":"bad query"})",
       R"({"status":"success"})",
       R"({"status":"success","data":{"resultType":"vector","result":[]}})",
       R"({"status":"success","data":{"resultType":"matrix","result":{}}})",
       R"({"status":"success","data":{"resultType":"matrix","result":[{}]}})",
       R"({"status":"success","data":{"resultType":"matrix","result":[{"metric":{"a":1},"values":[[1,"1"]]}]}})",
       R"({"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[]}]}})",
       R"({"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1,2]]}]}})",
       R"({"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1,"x"]]}]}})",
       R"({"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1e300,"1"]]}]}})"}) {
    const auto targets = parse_prometheus_reply(text, "p");
    ASSERT_FALSE(targets.ok()) << text;
    EXPECT_THAT(targets.status().message(), StartsWith("p: ")) << text;
  }
}

}  // namespace
}  // namespace zoetrope::traffic::control
