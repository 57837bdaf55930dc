#include "pipeline/graph.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <barrier>

#include "base/status.h"

namespace zoetrope::pipeline {
namespace {

using ::testing::HasSubstr;

Bundle number(int value) {
  Bundle bundle;
  bundle.facts["value"] = value;
  return bundle;
}

Role sum_plus(int extra) {
  return [extra](std::span<const Bundle> inputs, const RunContext&) {
    int sum = extra;
    for (const Bundle& input : inputs) sum += input.fact<int>("value");
    return number(sum);
  };
}

// prompt -> text \.
//                 denoise -> decode
// picture -> image /
Graph diamond() {
  Graph g;
  const auto text = g.role("text", {g.input("prompt")});
  const auto image = g.role("image", {g.input("picture")});
  const auto clip = g.role("denoise", {text, image});
  g.output("frames", g.role("decode", {clip}));
  g.output("latents", clip);
  return g;
}

BundleMap inputs() { return {{"prompt", number(1)}, {"picture", number(10)}}; }

TEST(GraphTest, CarriesBundlesAlongEdges) {
  const RoleTable roles = {{"text", sum_plus(100)},
                           {"image", sum_plus(200)},
                           {"denoise", sum_plus(0)},
                           {"decode", sum_plus(1000)}};
  const GraphResult result = run(diamond(), roles, inputs(), {});
  EXPECT_EQ(result.outputs.at("latents").fact<int>("value"), 311);
  EXPECT_EQ(result.outputs.at("frames").fact<int>("value"), 1311);
  ASSERT_EQ(result.timings.size(), 4u);
  EXPECT_EQ(result.timings.back().role, "decode");
}

// Each of the two roles waits for the other to have begun: passes only if they overlap.
TEST(GraphTest, IndependentRolesRunAtTheSameTime) {
  std::barrier both(2);
  const Role meet = [&](std::span<const Bundle>, const RunContext&) {
    both.arrive_and_wait();
    return number(1);
  };
  const RoleTable roles = {
      {"text", meet}, {"image", meet}, {"denoise", sum_plus(0)}, {"decode", sum_plus(0)}};
  EXPECT_EQ(run(diamond(), roles, inputs(), {}).outputs.at("frames").fact<int>("value"), 2);
}

TEST(GraphTest, AFailureStopsWhatFollowsAndIsThrown) {
  std::atomic<bool> decoded = false;
  const RoleTable roles = {{"text",
                            [](std::span<const Bundle>, const RunContext&) -> Bundle {
                              throw base::Error(base::StatusCode::kDataLoss, "bad weights");
                            }},
                           {"image", sum_plus(0)},
                           {"denoise", sum_plus(0)},
                           {"decode", [&](std::span<const Bundle>, const RunContext&) {
                              decoded = true;
                              return number(0);
                            }}};
  try {
    (void)run(diamond(), roles, inputs(), {});
    FAIL() << "expected an error";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.status().code(), base::StatusCode::kDataLoss);
  }
  EXPECT_FALSE(decoded);
}

TEST(GraphTest, ACancelStopsBeforeTheNextRole) {
  RunContext context;
  bool decoded = false;
  const RoleTable roles = {{"text", sum_plus(0)},
                           {"image", sum_plus(0)},
                           {"denoise",
                            [&](std::span<const Bundle>, const RunContext& given) {
                              given.cancel.cancel();
                              return number(0);
                            }},
                           {"decode", [&](std::span<const Bundle>, const RunContext&) {
                              decoded = true;
                              return number(0);
                            }}};
  try {
    (void)run(diamond(), roles, inputs(), context);
    FAIL() << "expected a cancel";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.status().code(), base::StatusCode::kCancelled);
  }
  EXPECT_FALSE(decoded);
}

TEST(GraphTest, NamesWhatIsMissingBeforeAnythingRuns) {
  const RoleTable none;
  try {
    (void)run(diamond(), none, inputs(), {});
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("text"));
  }
  BundleMap partial = inputs();
  partial.erase("picture");
  const RoleTable roles = {{"text", sum_plus(0)}, {"image", sum_plus(0)}};
  try {
    (void)run(diamond(), roles, partial, {});
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("picture"));
  }
}

TEST(GraphTest, RefusesTwoNodesOfOneName) {
  Graph g;
  (void)g.input("prompt");
  EXPECT_THROW((void)g.input("prompt"), base::Error);
}

TEST(BundleTest, NamesWhatIsAbsent) {
  const Bundle bundle = number(3);
  EXPECT_EQ(bundle.fact<int>("value"), 3);
  EXPECT_THROW((void)bundle.fact<std::string>("value"), base::Error);
  EXPECT_THROW((void)bundle.fact<int>("other"), base::Error);
  try {
    (void)bundle.tensor("latents");
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("latents"));
  }
}

}  // namespace
}  // namespace zoetrope::pipeline
