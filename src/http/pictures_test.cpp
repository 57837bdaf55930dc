// Pictures through the API: of the bundled model, and of models that make pictures of any size.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "http/test_client.h"

namespace zoetrope::http::testing {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

TEST(Images, EditsComeAsBase64OrAddresses) {
  Bench bench;
  bench.jobs.finish_at_once = true;
  bench.start();
  json request = {{"prompt", "p"},
                  {"image", clip_request()["input_reference"]},
                  {"n", 2},
                  {"frame", 3},
                  {"output_format", "jpeg"}};
  const Answer answer = bench.ask("POST", "/v1/images/edits", request.dump(), json_type());
  ASSERT_EQ(answer.status, 200) << answer.body;
  const json pictures = answer.json();
  ASSERT_EQ(pictures["data"].size(), 2u);
  EXPECT_EQ(pictures["data"][0]["b64_json"], "dGhlIGJ5dGVzIG9mIGEgcmVzdWx0");
  EXPECT_EQ(pictures["output_format"], "jpeg");
  const engine::JobRequest asked = bench.jobs.jobs().at(0).what;
  EXPECT_EQ(asked.count, 2);
  EXPECT_EQ(asked.request.frame, 3);
  EXPECT_EQ(asked.request.task, engine::Task::kImageToImage);
  EXPECT_TRUE(bench.jobs.jobs().at(0).attended);

  const std::string form =
      form_body({{"prompt", "p"}, {"response_format", "url"}}, {{"image[]", "a.png", small_png()}});
  const json by_url = bench.ask("POST", "/v1/images/edits", form, form_type()).json();
  const std::string url = by_url["data"][0]["url"];
  ASSERT_THAT(url, HasSubstr("http://localhost/v1/images/image_"));
  const Answer content = bench.ask("GET", url.substr(std::string("http://localhost").size()));
  EXPECT_EQ(content.body, bench.jobs.content);
  EXPECT_EQ(content.header("content-type"), "image/png");
}

TEST(Images, FromTextAloneAreRefusedByThisModel) {
  Bench bench;
  bench.start();
  const Answer answer =
      bench.ask("POST", "/v1/images/generations", R"({"prompt": "a cat"})", json_type());
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(answer.error(), "invalid_value model");
  EXPECT_THAT(answer.message(), HasSubstr("/v1/images/edits"));
}

// Makes pictures of texts and changes pictures, with its guidance inside: FLUX.1-dev.
engine::ModelDefaults picture_model() {
  engine::ModelDefaults defaults;
  defaults.pipeline = "FakePicturePipeline";
  defaults.tasks = {engine::Task::kTextToImage, engine::Task::kImageToImage};
  defaults.width = defaults.height = 256;
  defaults.size_multiple = 16;
  defaults.makes_video = false;
  defaults.num_frames = defaults.max_frames = 1;
  defaults.guidance_embeds = true;
  return defaults;
}

struct PictureBench : Bench {
  explicit PictureBench(const engine::ModelDefaults& defaults = picture_model()) {
    jobs.pretend(defaults);
    jobs.finish_at_once = true;
    start();
  }
  Answer generate(const json& fields) const {
    json request = {{"prompt", "a fox"}};
    request.update(fields);
    return ask("POST", "/v1/images/generations", request.dump(), json_type());
  }
  Answer edit(const json& fields) const {
    json request = {{"prompt", "a fox"}, {"image", clip_request()["input_reference"]}};
    request.update(fields);
    return ask("POST", "/v1/images/edits", request.dump(), json_type());
  }
};

TEST(Images, FieldsReachTheEngine) {
  PictureBench bench;
  ASSERT_EQ(bench
                .generate({{"n", 3},
                           {"size", "320x192"},
                           {"guidance_scale", 2.5},
                           {"true_cfg_scale", 4},
                           {"negative_prompt", "blur"},
                           {"strength", nullptr}})
                .status,
            200);
  ASSERT_EQ(bench.edit({{"strength", 0.25}, {"size", "auto"}}).status, 200);
  const auto jobs = bench.jobs.jobs();
  const engine::JobRequest& made = jobs.at(0).what;
  EXPECT_EQ(made.count, 3);
  EXPECT_EQ(made.request.task, engine::Task::kTextToImage);
  EXPECT_EQ(made.request.width, 320);
  EXPECT_EQ(made.request.height, 192);
  EXPECT_EQ(made.request.text_guidance, 2.5);
  EXPECT_EQ(made.request.true_cfg_scale, 4);
  EXPECT_EQ(made.request.negative_prompt, "blur");
  const engine::JobRequest& changed = jobs.at(1).what;
  EXPECT_EQ(changed.request.task, engine::Task::kImageToImage);
  EXPECT_EQ(changed.request.strength, 0.25);
  EXPECT_FALSE(changed.request.width.has_value());
  EXPECT_EQ(changed.request.picture.width, 24);
}

TEST(Images, RefusalsNameTheField) {
  const PictureBench bench;
  const auto refused = [](const Answer& answer, const char* field, const char* why) {
    EXPECT_EQ(answer.status, 400) << answer.body;
    EXPECT_EQ(answer.error(), std::string("invalid_value ") + field);
    EXPECT_THAT(answer.message(), HasSubstr(why));
  };
  refused(bench.generate({{"true_cfg_scale", 0.5}}), "true_cfg_scale", "between 1 and 50");
  refused(bench.generate({{"negative_prompt", "blur"}}), "negative_prompt", "true_cfg_scale");
  refused(bench.generate({{"strength", 0.5}}), "strength", "/v1/images/edits");
  refused(bench.edit({{"strength", 1.5}}), "strength", "between 0 and 1");
  refused(bench.edit({{"frame", 0}}), "frame", "only image_to_image");
  refused(bench.generate({{"size", "100x256"}}), "size", "multiples of 16");
  refused(bench.generate({{"n", 11}}), "n", "between 1 and 10");

  // Models that take them not at all.
  engine::ModelDefaults defaults = picture_model();
  defaults.guidance_embeds = false;
  defaults.tasks = {engine::Task::kTextToImage};
  const PictureBench other(defaults);
  refused(other.generate({{"true_cfg_scale", 4}}), "true_cfg_scale", "guidance_scale");
  refused(other.generate({{"strength", 0.5}}), "strength", "no pictures");
  EXPECT_EQ(other.generate({{"negative_prompt", "blur"}}).status, 200);
  Bench clips;
  clips.start();
  json request = clip_request();
  request["strength"] = 0.5;
  refused(clips.ask("POST", "/v1/videos", request.dump(), json_type()), "strength", "no pictures");
}

TEST(Images, TheModelSaysWhatItTakes) {
  const PictureBench bench;
  const json model = bench.ask("GET", "/v1/models").json()["data"][0];
  EXPECT_EQ(model["tasks"], json({"text_to_image", "image_to_image"}));
  EXPECT_EQ(model["limits"]["size"], json({{"min", 16}, {"max", 1024}, {"multiple", 16}}));
  EXPECT_EQ(model["limits"]["true_cfg_scale"], json({{"min", 1}, {"max", 50}}));
  EXPECT_EQ(model["limits"]["strength"], json({{"min", 0}, {"max", 1}}));
  EXPECT_EQ(model["limits"]["output_format"], json({"png", "jpeg", "webp"}));
  EXPECT_FALSE(model["limits"].contains("fps"));
  EXPECT_EQ(model["defaults"]["strength"], engine::kDefaultStrength);
  EXPECT_EQ(model["defaults"]["output_format"], "png");

  Bench clips;
  clips.start();
  const json animate = clips.ask("GET", "/v1/models").json()["data"][0];
  EXPECT_FALSE(animate["limits"].contains("strength"));
  EXPECT_FALSE(animate["limits"].contains("true_cfg_scale"));
  EXPECT_EQ(animate["limits"]["output_format"], json({"mp4", "gif", "webp"}));
}

}  // namespace
}  // namespace zoetrope::http::testing
