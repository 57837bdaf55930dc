#include "traffic/fleet/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <numbers>
#include <numeric>

#include "traffic/fleet/plan_check.h"
#include "traffic/fleet/plan_input.h"
#include "traffic/fleet/plan_report.h"

namespace zoetrope::traffic::fleet {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

const Service kService{4, 0.15, "test"};

// Two regions of equal days, half a globe apart.
Forecast antipodes(double scale) {
  Forecast forecast;
  const std::vector<Place> known = places(3);
  forecast.places = {known[0], known[2]};
  for (const int turn : {0, 12}) {
    Day day;
    for (int h = 0; h < 24; ++h) {
      day[static_cast<size_t>(h)] =
          scale * (1 + 0.6 * std::cos((h - 20 - turn) * std::numbers::pi / 12));
    }
    forecast.rps.push_back(day);
  }
  return forecast;
}

Plan plan_of(const Forecast& forecast, const PlanOptions& options = {}) {
  return make_plan(forecast, kService, options).value_or_throw();
}

TEST(Plan, IsTheModelsNumber) {
  const Plan plan = plan_of(antipodes(100));
  const double usable = std::pow(0.01, 1.0 / 18);
  EXPECT_NEAR(plan.usable, usable, 1e-9);
  EXPECT_EQ(plan.alone, 2 * static_cast<int>(std::ceil(160 * 4 / usable)));
  // The two days add up to a constant, 200 a second; the table fills to 0.98.
  EXPECT_NEAR(plan.shared, 200 * 4 / (usable * 0.98), 3);
  EXPECT_NEAR(plan.shared_one_clock, 320 * 4 / (usable * 0.98), 2);
}

TEST(Plan, PartsAddUp) {
  PlanOptions options;
  options.spike = {2, 3, {"virginia"}};
  const Plan plan = plan_of(antipodes(37), options);
  int alone = 0, shared = 0;
  for (const RegionPlan& region : plan.regions) {
    alone += region.alone;
    shared += region.shared;
  }
  EXPECT_EQ(alone, plan.alone);
  EXPECT_EQ(shared, plan.shared);
  for (size_t h = 0; h < 24; ++h) {
    EXPECT_GE(plan.free_at(h), 0);
    EXPECT_GT(plan.needed[h], 0);
  }
  // The demand is highest in the hour of the launch, and then no more is free than rounding left.
  EXPECT_EQ(plan.busiest_hour, 3);
  EXPECT_LE(plan.free_at(3), 2);
}

TEST(Plan, MoreDemandOrLongerJobsTakeMore) {
  const Plan plan = plan_of(antipodes(100));
  PlanOptions grown;
  grown.growth = 2;
  EXPECT_NEAR(plan_of(antipodes(100), grown).shared, 2 * plan.shared, 3);
  EXPECT_NEAR(plan_of(antipodes(200)).shared, 2 * plan.shared, 3);
  PlanOptions strict;
  strict.target = 0.999;
  EXPECT_GT(plan_of(antipodes(100), strict).shared, plan.shared);
  PlanOptions scan;
  scan.gateway.search = Search::kFullScan;
  EXPECT_LT(plan_of(antipodes(100), scan).shared, plan.shared);
}

TEST(Plan, SaysWhatItRestsOn) {
  const Plan plan = plan_of(antipodes(100));
  ASSERT_GE(plan.sensitivities.size(), 6u);
  for (size_t i = 1; i < plan.sensitivities.size(); ++i) {
    EXPECT_GE(std::abs(plan.sensitivities[i - 1].change), std::abs(plan.sensitivities[i].change));
  }
  // Half a globe apart nothing matters as much as that.
  EXPECT_EQ(plan.sensitivities.front().assumption, "all regions peak in the same hour");
  EXPECT_NEAR(plan.sensitivities.front().change, 0.6, 0.02);
}

TEST(Plan, RefusesWhatCannotBe) {
  PlanOptions options;
  options.spike.regions = {"atlantis"};
  EXPECT_THAT(make_plan(antipodes(1), kService, options).status().message(), HasSubstr("atlantis"));
  EXPECT_THAT(make_plan(antipodes(0), kService, {}).status().message(), HasSubstr("no demand"));
  EXPECT_FALSE(make_plan(antipodes(1), Service{}, {}).ok());
}

TEST(PlanCheckSlow, TheSimulatorConfirmsOrAddsWhatIsMissing) {
  const Forecast forecast = antipodes(20);
  const PlanOptions options;
  Plan plan = plan_of(forecast);
  const int model = plan.shared;
  const PlanCheck check = check_plan(plan, forecast, kService, options, {}).value_or_throw();
  EXPECT_TRUE(check.confirmed);
  EXPECT_GE(check.lower_bound, options.target);
  EXPECT_GE(check.success, check.lower_bound);
  EXPECT_GE(plan.shared, model);
  EXPECT_NEAR(check.added, static_cast<double>(plan.shared) / model - 1, 1e-9);
}

TEST(PlanCheckSlow, AFleetOfHalfTheSizeIsNotConfirmed) {
  const Forecast forecast = antipodes(5);
  Plan plan = plan_of(forecast);
  for (RegionPlan& region : plan.regions) region.shared /= 2;
  plan.shared /= 2;
  const PlanCheck check = check_plan(plan, forecast, kService, {}, {}).value_or_throw();
  EXPECT_FALSE(check.confirmed);
  EXPECT_LT(check.success, 0.99);
}

TEST(PlanCheck, QuantilesAreStudents) {
  // Tables: 2.132 and 2.776 with four degrees of freedom, 1.812 with ten.
  EXPECT_NEAR(student_quantile(0.95, 4), 2.132, 0.02);
  EXPECT_NEAR(student_quantile(0.975, 4), 2.776, 0.04);
  EXPECT_NEAR(student_quantile(0.95, 10), 1.812, 0.002);
}

TEST(PlanReport, SaysTheSameInEveryForm) {
  PlanReport report{plan_of(antipodes(100)), {}, {}, kService, 0.95};
  const nlohmann::json json = plan_json(report);
  EXPECT_EQ(json["gpus"]["shared"], report.plan.shared);
  EXPECT_EQ(json["free_by_hour_utc"].size(), 24u);
  const std::string text = plan_text(report), page = plan_page(report);
  EXPECT_THAT(text, HasSubstr(std::to_string(report.plan.shared)));
  EXPECT_THAT(text, HasSubstr("NOT confirmed"));
  EXPECT_THAT(page, HasSubstr("<h1>" + std::to_string(report.plan.shared) + " GPUs</h1>"));
  EXPECT_THAT(page, testing::Not(HasSubstr("nan")));
}

std::string forecast_complaint(const std::string& text) {
  const auto forecast = read_forecast(text, "f.csv");
  return forecast.ok() ? "" : forecast.status().message();
}

TEST(PlanInput, ForecastIsRead) {
  const auto forecast = read_forecast(
      "# made up\r\nhour, region ,requests_per_s\r\n3,tokyo,1.5\r\n\r\n4,tokyo,2\n3,paris,7\n",
      "f.csv");
  ASSERT_TRUE(forecast.ok()) << forecast.status().message();
  ASSERT_EQ(forecast->places.size(), 2u);
  EXPECT_EQ(forecast->places[0].name, "tokyo");
  EXPECT_EQ(forecast->rps[0][3], 1.5);
  EXPECT_EQ(forecast->rps[0][5], 0);
  EXPECT_EQ(forecast->rps[1][3], 7);
  const auto own = read_forecast(
      "region,hour,requests_per_s,latitude,longitude,continent\nmars-1,0,1,10,20,mars\n", "f.csv");
  ASSERT_TRUE(own.ok()) << own.status().message();
  EXPECT_EQ(own->places[0].latitude, 10);
}

TEST(PlanInput, ForecastComplaintsNameFileLineAndField) {
  const std::string header = "region,hour,requests_per_s\n";
  EXPECT_THAT(forecast_complaint("region,hour\n"), HasSubstr("no column requests_per_s"));
  for (const char* bad : {"nan", "inf", "-1", "", "1e300", "7x", "0x10"}) {
    const std::string complaint = forecast_complaint(header + "paris,3," + bad + "\n");
    EXPECT_THAT(complaint, StartsWith("f.csv:2: requests_per_s")) << bad;
  }
  EXPECT_THAT(forecast_complaint(header + "paris,24,1\n"), StartsWith("f.csv:2: hour"));
  EXPECT_THAT(forecast_complaint(header + "paris,1.5,1\n"), StartsWith("f.csv:2: hour"));
  EXPECT_THAT(forecast_complaint(header + "paris,1\n"), StartsWith("f.csv:2: 2 fields"));
  EXPECT_THAT(forecast_complaint(header + "paris,1,1\nparis,1,2\n"), StartsWith("f.csv:3:"));
  EXPECT_THAT(forecast_complaint(header + "atlantis,1,1\n"), HasSubstr("atlantis"));
  EXPECT_THAT(forecast_complaint(header), HasSubstr("no demand"));
  EXPECT_THAT(forecast_complaint(""), HasSubstr("no demand"));
}

TEST(PlanInput, ServiceTimeIsThatOfTheBench) {
  const auto service = read_service(
      R"({"device": "cpu", "runs": 5, "stages": {
           "denoise": {"median_seconds": 3, "least_seconds": 2.9, "most_seconds": 3.2},
           "total": {"median_seconds": 4, "least_seconds": 3, "most_seconds": 5.326}}})",
      "b.json");
  ASSERT_TRUE(service.ok()) << service.status().message();
  EXPECT_EQ(service->mean_s, 4);
  EXPECT_NEAR(service->variation, 0.25, 1e-6);
  const auto summed = read_service(
      R"({"stages": {"a": {"median_seconds": 1, "least_seconds": 1, "most_seconds": 1},
                     "b": {"median_seconds": 2, "least_seconds": 2, "most_seconds": 2}}})",
      "b.json");
  ASSERT_TRUE(summed.ok());
  EXPECT_EQ(summed->mean_s, 3);
  EXPECT_EQ(summed->variation, 0.05);
  for (const char* bad : {"{}", "[]", R"({"stages": 3})", R"({"stages": {"a": 1}})",
                          R"({"stages": {"a": {"median_seconds": -1}}})", "nonsense"}) {
    const auto refused = read_service(bad, "b.json");
    ASSERT_FALSE(refused.ok()) << bad;
    EXPECT_THAT(refused.status().message(), StartsWith("b.json")) << bad;
  }
}

}  // namespace
}  // namespace zoetrope::traffic::fleet
