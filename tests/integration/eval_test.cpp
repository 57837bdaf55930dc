// zoetrope eval, as a user gets it wrong.
#include "integration/fixture.h"

namespace zoetrope::integration {
namespace {

using EvalTest = CommandLineTest;

TEST_F(EvalTest, AWrongConfigurationIsWrongUsage) {
  const auto eval = [&](const std::string& configuration) {
    return run({"eval", "run", in_folder("data"), "-o", in_folder("out"), "-c", configuration});
  };
  expect_wrong_usage(eval("a:steps=many"), "configuration 'a': steps");
  expect_wrong_usage(eval("a:speed=2"), "configuration 'a': speed");
  expect_wrong_usage(eval("real"), "'real'");
  expect_wrong_usage(run({"eval", "run", in_folder("data"), "-o", in_folder("out")}),
                     "configuration");
}

TEST_F(EvalTest, WhatIsNotThereIsNamed) {
  const std::string model = model_folder().string();
  expect_refused(run({"eval", "run", in_folder("nothing"), "-o", in_folder("out"), "--model", model,
                      "-c", "a", "-q"}),
                 "nothing");
  expect_refused(run({"eval", "run", in_folder("data"), "-o", in_folder("out"), "-c",
                      "a:model=" + in_folder("no-model"), "-q"}),
                 "no-model");
  expect_refused(run({"eval", "page", in_folder("none"), "--pair", "a", "b"}), "index.json");
  expect_refused(run({"eval", "report", in_folder("votes.json")}), "votes.json");
}

TEST_F(EvalTest, AFileThatIsNotVotesIsRefused) {
  expect_refused(run({"eval", "report", picture()}), "picture.png");
}

}  // namespace
}  // namespace zoetrope::integration
