// What is refused at the edge, and what defaults fill in.
#include "engine/api/request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "engine/api/memory_size.h"

namespace zoetrope::engine {
namespace {

using base::StatusCode;
using ::testing::StartsWith;

Request request() {
  Request request;
  request.picture = media::Image(60, 40);
  request.prompt = "a rocket taking off";
  return request;
}

ModelDefaults image_model() {
  ModelDefaults model;
  model.tasks = {Task::kImageToVideo, Task::kImageToImage};
  return model;
}

TEST(RequestTest, NamesTheFieldAtFault) {
  ModelDefaults model = image_model();
  model.width = model.height = 128;
  model.three_way_guidance = model.has_motion = true;
  const auto message = [&](auto change) {
    Request wrong = request();
    change(wrong);
    const auto resolved = resolve(std::move(wrong), model);
    EXPECT_EQ(resolved.status().code(), StatusCode::kInvalidArgument);
    return resolved.status().message();
  };
  EXPECT_THAT(message([](Request& r) { r.picture = {}; }), StartsWith("picture:"));
  EXPECT_THAT(message([](Request& r) { r.steps = 0; }), StartsWith("steps:"));
  EXPECT_THAT(message([](Request& r) { r.motion = -0.1; }), StartsWith("motion:"));
  EXPECT_THAT(message([](Request& r) { r.text_guidance = NAN; }), StartsWith("text_guidance:"));
  EXPECT_THAT(message([](Request& r) { r.image_guidance = 51; }), StartsWith("image_guidance:"));
  EXPECT_THAT(message([](Request& r) { r.num_frames = 17; }), StartsWith("num_frames:"));
  EXPECT_THAT(message([](Request& r) { r.fps = 0; }), StartsWith("fps:"));
  EXPECT_THAT(message([](Request& r) { r.size = 5000; }), StartsWith("size:"));
  EXPECT_THAT(message([](Request& r) { r.prompt = std::string(2 << 20, 'a'); }),
              StartsWith("prompt:"));
}

TEST(RequestTest, ATierIsRefusedWhereItHasNoMeaning) {
  ModelDefaults model = image_model();
  model.width = model.height = 128;
  model.steps = 15;
  Request balanced = request();
  balanced.tier = Tier::kBalanced;
  const auto refusal = [&] { return resolve(balanced, model).status().message(); };
  EXPECT_THAT(refusal(), StartsWith("tier: balanced needs block caching"));
  model.block_cache_steps = 15;
  EXPECT_EQ(resolve(balanced, model).value_or_throw().tier, Tier::kBalanced);
  balanced.steps = 20;
  EXPECT_THAT(refusal(), StartsWith("tier: balanced is made for 15 steps, not for 20"));
  balanced.steps.reset();
  model.student = StudentLimits{.steps = 8, .most_image_guidance = 9, .most_text_guidance = 9};
  EXPECT_THAT(refusal(), StartsWith("tier: a distilled student"));
  balanced.tier = Tier::kTurbo;
  EXPECT_THAT(refusal(), StartsWith("tier: turbo is for whoever opens the model"));
  balanced.tier = Tier::kLossless;
  EXPECT_TRUE(resolve(balanced, model).ok());
}

TEST(RequestTest, ATaskTheModelHasNotIsRefused) {
  ModelDefaults model = image_model();
  model.width = model.height = 128;
  Request wish = request();
  wish.task = Task::kTextToImage;
  EXPECT_EQ(
      resolve(wish, model).status(),
      base::invalid_argument(
          "task: this model cannot do text_to_image; it does image_to_video, image_to_image"));
  wish.task = Task::kImageToImage;
  EXPECT_EQ(resolve(wish, model).value_or_throw().task, Task::kImageToImage);
}

TEST(RequestTest, OneFrameIsTheMiddleOneUnlessNamed) {
  ModelDefaults model = image_model();
  model.width = model.height = 128;
  Request wish = request();
  EXPECT_FALSE(resolve(wish, model).value_or_throw().frame.has_value());
  wish.frame = 3;
  EXPECT_THAT(resolve(wish, model).status().message(), StartsWith("frame: only image_to_image"));
  wish.task = Task::kImageToImage;
  EXPECT_EQ(resolve(wish, model).value_or_throw().frame, 3);
  wish.num_frames = 3;
  EXPECT_THAT(resolve(wish, model).status().message(), StartsWith("frame: 3 is not between 0"));
  wish.frame.reset();
  EXPECT_EQ(resolve(wish, model).value_or_throw().frame, 1);
}

TEST(RequestTest, OnlyTheTeacherTakesANegativePrompt) {
  ModelDefaults model = image_model();
  model.width = model.height = 128;
  model.student = StudentLimits{.steps = 8, .most_image_guidance = 9, .most_text_guidance = 9};
  Request wish = request();
  wish.negative_prompt = "blurred";
  EXPECT_THAT(resolve(wish, model).status().message(), StartsWith("negative_prompt:"));
  wish.quality = Quality::kBest;
  EXPECT_EQ(resolve(wish, model).value_or_throw().negative_prompt, "blurred");
  wish.quality.reset();
  wish.negative_prompt = "";  // what guidance has anyway
  EXPECT_TRUE(resolve(wish, model).ok());
}

TEST(RequestTest, SizeKeepsTheShapeAndIsEven) {
  ModelDefaults model = image_model();
  model.width = 1280;
  model.height = 704;
  Request wide = request();
  wide.size = 333;
  const ResolvedRequest resolved = resolve(wide, model).value_or_throw();
  EXPECT_EQ(resolved.width, 334);
  EXPECT_EQ(resolved.height, 184);
  wide.motion = 0.5;  // this model has none
  EXPECT_THAT(resolve(wide, model).status().message(), StartsWith("motion:"));
}

TEST(RequestTest, MalformedUtf8IsReplacedByteByByte) {
  int replaced = 0;
  EXPECT_EQ(sanitise_utf8("caf\xC3\xA9 \xF0\x9F\x9A\x80", replaced),
            "caf\xC3\xA9 \xF0\x9F\x9A\x80");
  EXPECT_EQ(replaced, 0);
  // A lone lead byte, an overlong slash, a surrogate, a value beyond Unicode, a cut sequence.
  for (const std::string bad :
       {"\xE9", "\xC0\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE2\x82"}) {
    const std::string clean = sanitise_utf8("a" + bad + "b", replaced);
    EXPECT_EQ(replaced, static_cast<int>(bad.size()));
    EXPECT_EQ(clean.size(), 2 + 3 * bad.size());
  }
}

TEST(MemorySizeTest, ReadsSizesAsPeopleWriteThem) {
  EXPECT_EQ(parse_bytes("900M").value_or_throw(), int64_t{900} << 20);
  EXPECT_EQ(parse_bytes("1.5g").value_or_throw(), int64_t{3} << 29);
  EXPECT_EQ(parse_bytes("2GiB").value_or_throw(), int64_t{2} << 30);
  EXPECT_EQ(parse_bytes("4096").value_or_throw(), 4096);
  for (const std::string bad : {"", "lots", "-1G", "0", "1T", "5 M", "nan", "1e30"}) {
    EXPECT_FALSE(parse_bytes(bad).ok()) << bad;
  }
  EXPECT_GT(available_memory_bytes(), 0);
}

}  // namespace
}  // namespace zoetrope::engine
