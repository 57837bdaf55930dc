#include "traffic/fleet/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <limits>

#include "support/temporary_folder.h"
#include "traffic/fleet/figure_png.h"
#include "traffic/fleet/figure_svg.h"
#include "traffic/fleet/figures.h"
#include "traffic/fleet/scenario_library.h"
#include "traffic/fleet/summary.h"

namespace zoetrope::traffic::fleet {
namespace {

using testing::HasSubstr;
using testing::Not;

// A quick run of every arm: figures need the shape of the result, not its truth.
CampaignResult glimpse(const std::string& name) {
  Scenario scenario = open_scenario(name, Size::kSlice).value_or_throw();
  scenario.seeds = 2;
  for (Arm& arm : scenario.arms) {
    arm.options.world.gpus = 20;
    arm.options.gateway.attempts_per_s /= 20;
    if (arm.options.duration_s > 3600) arm.options.duration_s = 7200;
    arm.options.client.deadline_s = 20;
  }
  return run_campaign(scenario, {}).value_or_throw();
}

int count(const std::string& text, const std::string& part) {
  int found = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

TEST(Report, HasASectionForEachScenarioAndClosesWhatItOpens) {
  std::vector<CampaignResult> results;
  for (const char* name : {"S0", "S1", "S4", "S5", "S7", "S8", "S10", "S10b"}) {
    results.push_back(glimpse(name));
    EXPECT_FALSE(figures_of(results.back()).empty()) << name;
  }
  const std::string page = report_page(results);
  EXPECT_EQ(count(page, "<h2>"), 8);
  for (const char* tag : {"svg", "figure", "table", "ul", "text", "p"}) {
    const std::string name(tag);
    EXPECT_EQ(count(page, "<" + name + " ") + count(page, "<" + name + ">"),
              count(page, "</" + name + ">"))
        << name;
  }
  EXPECT_THAT(page, Not(HasSubstr("@BODY@")));
  EXPECT_THAT(page, Not(HasSubstr("nan")));
  // Self-contained: nothing is fetched.
  EXPECT_THAT(page, Not(HasSubstr("http")));
  EXPECT_THAT(page, Not(HasSubstr("<script")));
  EXPECT_THAT(as_text(results.front()), HasSubstr("theory_gap"));
}

TEST(Report, PicturesAreWritten) {
  const test_support::TemporaryFolder folder;
  ASSERT_TRUE(write_plots({glimpse("S4"), glimpse("S7")}, folder.path()).ok());
  EXPECT_TRUE(std::filesystem::exists(folder.path() / "traffic_fixes.png"));
  EXPECT_TRUE(std::filesystem::exists(folder.path() / "traffic_spill.png"));
}

TEST(Figure, GapsAndNamesAreDrawnSafely) {
  Figure figure;
  figure.id = "f";
  figure.title = "a < b & c";
  const double none = std::numeric_limits<double>::quiet_NaN();
  figure.lines = {{"<i>", {0, 1, 2, 3}, {1, none, 2, 3}}};
  figure.levels = {{"limit", 5}};
  const std::string svg = figure_svg(figure);
  EXPECT_THAT(svg, HasSubstr("a &lt; b &amp; c"));
  EXPECT_THAT(svg, Not(HasSubstr("<i>")));
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
  EXPECT_EQ(count(svg, "M"), 2);  // two pieces
  EXPECT_GT(figure_png(figure).width, 0);
  figure.lines.clear();
  EXPECT_THAT(figure_svg(figure), Not(HasSubstr("nan")));
}

}  // namespace
}  // namespace zoetrope::traffic::fleet
