// What the integration tests share: a model with random weights, made once, and a folder a test.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "integration/program.h"
#include "media/test_pictures.h"
#include "media/write_image.h"
#include "support/random_model.h"
#include "support/temporary_folder.h"

namespace zoetrope::integration {

inline const std::filesystem::path& model_folder() {
  static const test_support::TemporaryFolder folder;
  static const bool written = [] {
    test_support::write_random_model(folder.path() / "animate");
    return true;
  }();
  (void)written;
  static const std::filesystem::path model = folder.path() / "animate";
  return model;
}

class CommandLineTest : public testing::Test {
 protected:
  std::string in_folder(const std::string& name) const { return (folder_ / name).string(); }

  // A picture that animate can take.
  std::string picture() const {
    const std::string path = in_folder("picture.png");
    if (!std::filesystem::exists(path)) {
      EXPECT_TRUE(media::write_image(path, media::testing::test_picture(90, 60)).ok());
    }
    return path;
  }

  // animate PICTURE on the random model, quickly, in this test's folder.
  Outcome animate(const std::string& picture, const std::vector<std::string>& more = {}) const {
    return run(animate_launch(picture, more));
  }
  Launch animate_launch(const std::string& picture, const std::vector<std::string>& more) const {
    Launch launch{{"animate", picture, "--model", model_folder().string(), "--threads", "1"}};
    if (std::ranges::find(more, "--steps") == more.end()) {
      launch.arguments.insert(launch.arguments.end(), {"--steps", "2"});
    }
    launch.arguments.insert(launch.arguments.end(), more.begin(), more.end());
    launch.folder = folder_ / ".";
    return launch;
  }

  media::testing::TemporaryFolder folder_;
};

// Exit code 1 and exactly one line on stderr, which names `subject`.
inline void expect_refused(const Outcome& outcome, const std::string& subject) {
  EXPECT_EQ(outcome.exit_code, 1) << outcome.err;
  EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
  EXPECT_THAT(outcome.err, testing::HasSubstr(subject));
}

// Exit code 2, a first line that names `subject`, and a way to help.
inline void expect_wrong_usage(const Outcome& outcome, const std::string& subject) {
  EXPECT_EQ(outcome.exit_code, 2) << outcome.err;
  EXPECT_THAT(outcome.err.substr(0, outcome.err.find('\n')), testing::HasSubstr(subject));
}

}  // namespace zoetrope::integration
