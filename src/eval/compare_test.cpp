#include "eval/compare.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "eval/clip_store.h"
#include "eval/eval_set.h"
#include "eval/fingerprint.h"
#include "media/image.h"
#include "support/random_model.h"
#include "support/temporary_folder.h"
#include "tensor/noise.h"
#include "weights/atomic_file.h"
#include "weights/tensor_io.h"

namespace zoetrope::eval {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr int64_t kFrames = test_support::kRandomModelFrames;
constexpr int64_t kSize = test_support::kRandomModelSize;

// Soft blobs that wander, brighter with every clip.
at::Tensor moving_clips(int64_t count) {
  const at::Tensor grid = at::arange(kSize).to(at::kFloat) / kSize;
  std::vector<at::Tensor> frames;
  for (int64_t clip = 0; clip < count; ++clip) {
    for (int64_t t = 0; t < kFrames; ++t) {
      const double at = 0.3 + 0.06 * static_cast<double>(t * (1 + clip % 3));
      const at::Tensor blob =
          at::outer((-(grid - 0.5).square() * 30).exp(), (-(grid - at).square() * 30).exp());
      const at::Tensor colour = at::tensor({1.0, 0.2 * static_cast<double>(clip % 5), 0.5});
      frames.push_back((255 - 200 * blob.unsqueeze(2) * colour.to(at::kFloat)).to(at::kByte));
    }
  }
  return at::stack(frames).view({count, kFrames, kSize, kSize, 3});
}

// What `train prepare` writes: the last `held` of `count` clips are held out; two clips a concept.
void write_data(const fs::path& folder, int64_t count, int64_t held) {
  fs::create_directories(folder);
  const auto save = [&](const char* name, const weights::ParameterMap& tensors) {
    ASSERT_TRUE(weights::save_tensors(folder / name, tensors).ok());
  };
  const auto ints = at::TensorOptions(at::kInt);
  save("clips.safetensors", {{"frames", moving_clips(count)}});
  save("stills.safetensors", {{"frames", at::zeros({0, kSize, kSize, 3}, at::kByte)}});
  save("index.safetensors", {{"prompts", at::zeros({count, 1, 4}, ints)},
                             {"still_prompts", at::zeros({0, 1, 4}, ints)},
                             {"empty_prompt", at::zeros({4}, ints)},
                             {"concept", at::arange(count, ints).div(2, "floor").to(at::kInt)},
                             {"held_out", (at::arange(count) >= count - held).to(at::kByte)},
                             {"still_held_out", at::zeros({0}, at::kByte)},
                             {"still_animated", at::zeros({0}, at::kByte)}});
  nlohmann::json captions = nlohmann::json::array();
  for (int64_t i = 0; i < count; ++i) captions.push_back("clip " + std::to_string(i));
  ASSERT_TRUE(weights::write_file(folder / "index.json",
                                  nlohmann::json{{"captions", captions}, {"vocabulary", 10}}.dump())
                  .ok());
}

class CompareSlowTest : public testing::Test {
 protected:
  CompareSlowTest() {
    test_support::write_random_model(folder_.path() / "model");
    write_data(folder_.path() / "data", 12, 8);
  }

  CompareOptions options(const std::vector<std::string>& configurations) const {
    CompareOptions o;
    o.data = (folder_.path() / "data").string();
    o.out = folder_.path() / "out";
    o.configurations = parse_configurations(configurations).value_or_throw();
    for (Configuration& c : o.configurations) {
      if (c.model.empty()) c.model = folder_.path() / "model";
    }
    o.feature_model = folder_.path() / "model";
    o.engine.device = "cpu";
    o.engine.dtype = "fp32";
    o.summary.replicates = 200;
    o.sheet_clips = 2;
    return o;
  }

  static nlohmann::json run(const CompareOptions& o) {
    return compare(o, nullptr, {}).value_or_throw().report;
  }

  static double value(const nlohmann::json& report, const char* configuration, const char* figure) {
    return report["configurations"][configuration]["summary"][figure]["value"];
  }

  fs::path clip(const char* configuration) const {
    return ClipStore(folder_.path() / "out/clips").path(configuration, 4, 0);
  }

  test_support::TemporaryFolder folder_;
};

TEST_F(CompareSlowTest, ReportsFiguresWithIntervalsForEveryConfiguration) {
  const CompareOptions o = options({"fine:steps=3", "same:steps=3", "coarse:steps=1"});
  const auto result = compare(o, nullptr, {}).value_or_throw();
  const nlohmann::json& report = result.report;
  EXPECT_EQ(report["clips"], 8);
  EXPECT_EQ(report["concepts"], 4);
  EXPECT_EQ(report["reference"], "fine");

  // The same request gives the same clip; another number of steps another one.
  EXPECT_EQ(value(report, "same", "ref_psnr"), 100);
  EXPECT_NEAR(value(report, "same", "ref_ssim"), 1, 1e-12);
  EXPECT_EQ(value(report, "same", "ref_perceptual"), 0);
  EXPECT_LT(value(report, "coarse", "ref_psnr"), 60);
  EXPECT_GT(value(report, "coarse", "ref_perceptual"), 0);
  EXPECT_FALSE(report["configurations"]["fine"]["summary"].contains("ref_psnr"));
  EXPECT_EQ(value(report, "fine", "first_frame_psnr"), 100) << "frame 0 is the picture";
  EXPECT_LT(value(report, "fine", "own_first_frame_psnr"), 100);

  EXPECT_EQ(report["baselines"]["still"]["summary"]["motion"]["value"], 0);
  EXPECT_EQ(report["baselines"]["real"]["summary"]["motion_ratio"]["value"], 1);
  EXPECT_GT(report["baselines"]["still"]["summary"]["frechet"]["value"].get<double>(), 0);

  const nlohmann::json& motion = report["configurations"]["fine"]["summary"]["motion"];
  EXPECT_LE(motion["low"], motion["value"]);
  EXPECT_GE(motion["high"], motion["value"]);

  ASSERT_EQ(report["differences"].size(), 1);  // of the two that are not the reference
  const nlohmann::json& difference = report["differences"][0];
  EXPECT_EQ(difference["a"], "coarse");
  EXPECT_LT(difference["figures"]["ref_psnr"]["high"], 0);
  EXPECT_THAT(result.table, HasSubstr("same is better"));

  EXPECT_TRUE(fs::exists(o.out / "report.json"));
  EXPECT_TRUE(fs::exists(o.out / "report.txt"));
  EXPECT_TRUE(media::read_image(o.out / "sheet.png").ok());
}

TEST_F(CompareSlowTest, GoesOnWhereItWasInterrupted) {
  CompareOptions o = options({"a:steps=2"});
  const base::CancelToken cancel;
  const auto stopped = compare(
      o,
      [&](const base::Progress& p) {
        if (p.stage == "a" && p.step == 3) cancel.cancel();
      },
      cancel);
  EXPECT_EQ(stopped.status().code(), base::StatusCode::kCancelled);
  const auto first = fs::last_write_time(clip("a"));
  const nlohmann::json report = run(o);
  EXPECT_EQ(fs::last_write_time(clip("a")), first) << "made again";
  // As in one go.
  o.out = folder_.path() / "other";
  nlohmann::json whole = run(o);
  EXPECT_EQ(report["configurations"]["a"]["summary"], whole["configurations"]["a"]["summary"]);
}

TEST_F(CompareSlowTest, AChangedConfigurationOrADamagedClipIsMadeAgain) {
  run(options({"a:steps=2"}));
  const auto before = weights::load_tensors(clip("a")).value_or_throw().at("frames").clone();
  run(options({"a:steps=1"}));
  const auto after = weights::load_tensors(clip("a")).value_or_throw().at("frames").clone();
  EXPECT_FALSE(at::equal(before, after));
  fs::resize_file(clip("a"), 1000);
  run(options({"a:steps=1"}));
  EXPECT_TRUE(at::equal(after, weights::load_tensors(clip("a")).value_or_throw().at("frames")));
}

TEST_F(CompareSlowTest, WrongConfigurationsAreRefusedBeforeAnyClip) {
  const auto refused = [&](const CompareOptions& o, const char* named) {
    const auto result = compare(o, nullptr, {});
    ASSERT_FALSE(result.ok());
    EXPECT_THAT(result.status().message(), HasSubstr(named));
    EXPECT_FALSE(fs::exists(o.out / "clips"));
  };
  refused(options({"good:steps=1", "bad:steps=0"}), "configuration 'bad': steps");
  refused(options({"bad:model=nowhere"}), "nowhere");
  CompareOptions o = options({"a"});
  o.reference = "b";
  refused(o, "'b'");
  o = options({"a"});
  o.data = folder_.path() / "empty";
  refused(o, "empty");
  o = options({"a"});
  o.seeds = {1, 1};
  refused(o, "seed");
}

TEST_F(CompareSlowTest, SeveralSeedsAreSeveralClips) {
  CompareOptions o = options({"a:steps=1", "b:steps=2"});
  o.seeds = {0, 7};
  const nlohmann::json report = run(o);
  EXPECT_EQ(report["configurations"]["b"]["clips"].size(), 16);
  EXPECT_EQ(report["baselines"]["still"]["clips"].size(), 8);
}

TEST_F(CompareSlowTest, ALimitTakesConceptsInTurn) {
  const auto set = open_eval_set((folder_.path() / "data").string(), 5).value_or_throw();
  EXPECT_EQ(set.items.size(), 5);
  EXPECT_EQ(set.clusters, 4) << "every concept before a second clip of one";
  EXPECT_EQ(set.others.size(), 4);
  const auto half = open_eval_set((folder_.path() / "data").string(), 2).value_or_throw();
  EXPECT_EQ(half.clusters, 2);
}

TEST_F(CompareSlowTest, DataThatHoldsNothingOutCountsWhole) {
  write_data(folder_.path() / "all", 6, 0);
  CompareOptions o = options({"a:steps=1"});
  o.data = (folder_.path() / "all").string();
  const auto result = compare(o, nullptr, {}).value_or_throw();
  EXPECT_EQ(result.report["clips"], 6);
  EXPECT_EQ(result.report["held_out"], false);
  EXPECT_THAT(result.table, HasSubstr("may have been trained"));
}

TEST(FingerprintTest, NoticesAChangeOfAnyFileThroughLinksToo) {
  const test_support::TemporaryFolder folder;
  const fs::path model = folder.path() / "model", linked = folder.path() / "linked";
  fs::create_directories(model / "unet");
  ASSERT_TRUE(weights::write_file(model / "unet/config.json", "{}").ok());
  ASSERT_TRUE(weights::write_file(model / "empty", "").ok());
  fs::create_directories(linked);
  fs::create_directory_symlink(model / "unet", linked / "unet");
  const std::string before = folder_fingerprint(model).value_or_throw();
  const std::string through_link = folder_fingerprint(linked).value_or_throw();
  EXPECT_EQ(before, folder_fingerprint(model).value_or_throw());
  ASSERT_TRUE(weights::write_file(model / "unet/config.json", "[]").ok());
  EXPECT_NE(before, folder_fingerprint(model).value_or_throw());
  EXPECT_NE(through_link, folder_fingerprint(linked).value_or_throw());
  EXPECT_THAT(folder_fingerprint(folder.path() / "none").status().message(), HasSubstr("none"));
}

}  // namespace
}  // namespace zoetrope::eval
