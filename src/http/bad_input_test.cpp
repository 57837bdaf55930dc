// Everything that can be wrong with a request: the right status, the name of the field, and a
// server that goes on as if nothing had happened.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/base64.h"
#include "http/test_client.h"

namespace zoetrope::http::testing {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

class BadInput : public ::testing::Test {
 protected:
  void SetUp() override { bench_.start(); }
  // After whatever a test did, a good request is taken.
  void TearDown() override {
    EXPECT_EQ(bench_.jobs.jobs().size(), 0u) << "something bad was accepted";
    EXPECT_EQ(bench_.ask("POST", "/v1/videos", clip_request().dump(), json_type()).status, 200);
  }
  Answer post(const json& request) {
    return bench_.ask("POST", "/v1/videos", request.dump(), json_type());
  }
  Answer with(const char* field, json value) {
    json request = clip_request();
    request[field] = std::move(value);
    return post(request);
  }
  Answer with_picture(const std::string& bytes) {
    return bench_.ask("POST", "/v1/videos",
                      form_body({{"prompt", "p"}}, {{"input_reference", "right.png", bytes}}),
                      form_type());
  }

  Bench bench_;
};

TEST_F(BadInput, Pictures) {
  const std::string png = small_png();
  EXPECT_EQ(with_picture(png.substr(0, png.size() / 2)).error(), "invalid_value input_reference");
  EXPECT_EQ(with_picture("%PDF-1.7 with the right extension").error(),
            "invalid_value input_reference");
  EXPECT_EQ(with_picture("").error(), "invalid_value input_reference");
  EXPECT_EQ(with_picture(std::string(1000, '\0')).error(), "invalid_value input_reference");
  const Answer bomb = with_picture(png_of_size(30'000, 30'000));
  EXPECT_EQ(bomb.status, 400);
  EXPECT_EQ(bomb.error(), "invalid_value input_reference");
  EXPECT_THAT(bomb.message(), HasSubstr("30000"));
  EXPECT_EQ(with("input_reference", "not base64!").error(), "invalid_value input_reference");
  EXPECT_EQ(with("input_reference", "data:image/png,raw").error(), "invalid_value input_reference");
  EXPECT_THAT(with("input_reference", "https://example.org/a.png").message(),
              HasSubstr("fetches nothing"));
  EXPECT_EQ(with("input_reference", 7).error(), "invalid_value input_reference");
  EXPECT_EQ(with("input_reference", {{"file_id", "x"}}).error(), "invalid_value input_reference");
  EXPECT_EQ(with("input_reference", nullptr).error(), "invalid_value input_reference");
}

TEST_F(BadInput, AnimatedPictures) {
  // Two frames of one pixel.
  const std::string gif(
      "GIF89a\1\0\1\0\x80\0\0\0\0\0\xff\xff\xff"
      "!\xf9\4\0\1\0\0\0,\0\0\0\0\1\0\1\0\0\2\2D\1\0"
      "!\xf9\4\0\1\0\0\0,\0\0\0\0\1\0\1\0\0\2\2D\1\0;",
      13 + 6 + 2 * 23 + 1);
  const Answer answer = with_picture(gif);
  EXPECT_EQ(answer.error(), "invalid_value input_reference");
  EXPECT_THAT(answer.message(), HasSubstr("animated"));
}

TEST_F(BadInput, Prompts) {
  EXPECT_EQ(with("prompt", "").error(), "invalid_value prompt");
  EXPECT_EQ(with("prompt", " \n").error(), "invalid_value prompt");
  EXPECT_EQ(with("prompt", std::string(100'000, 'a')).error(), "invalid_value prompt");
  EXPECT_EQ(with("prompt", nullptr).error(), "invalid_value prompt");
  EXPECT_EQ(with("prompt", 3).error(), "invalid_value prompt");
  EXPECT_EQ(with("negative_prompt", std::string(100'000, 'a')).error(),
            "invalid_value negative_prompt");
}

TEST_F(BadInput, Fields) {
  const std::vector<std::pair<const char*, json>> wrong = {{"unheard_of", 1},
                                                           {"num_inference_steps", 0},
                                                           {"num_inference_steps", -5},
                                                           {"num_inference_steps", 1'000'000},
                                                           {"num_inference_steps", 9},
                                                           {"num_inference_steps", "8"},
                                                           {"num_inference_steps", 8.5},
                                                           {"seed", -1},
                                                           {"seed", 1e300},
                                                           {"seed", "x"},
                                                           {"fps", 0},
                                                           {"fps", 121},
                                                           {"num_frames", 17},
                                                           {"num_frames", true},
                                                           {"seconds", "four"},
                                                           {"seconds", 0},
                                                           {"seconds", 60},
                                                           {"size", "1280x720"},
                                                           {"size", "x"},
                                                           {"size", "128"},
                                                           {"size", "0x0"},
                                                           {"size", "99999x99999"},
                                                           {"size", "-1x-1"},
                                                           {"size", 128},
                                                           {"guidance_scale", 51},
                                                           {"guidance_scale", "much"},
                                                           {"image_guidance_scale", 9},
                                                           {"motion", 2},
                                                           {"quality", "ultra"},
                                                           {"tier", "turbo"},
                                                           {"tier", "balanced"},
                                                           {"output_format", "avi"},
                                                           {"output_compression", 101},
                                                           {"n", 2},
                                                           {"timeout", 0},
                                                           {"timeout", 1e9},
                                                           {"stream", true},
                                                           {"user", std::string(1000, 'u')},
                                                           {"flow_shift", 3.0},
                                                           {"lora", {{"name", "x"}}},
                                                           {"width", 128},
                                                           {"enable_teacache", true}};
  for (const auto& [field, value] : wrong) {
    const Answer answer = with(field, value);
    EXPECT_EQ(answer.status, 400) << field << " " << value << " " << answer.body;
    EXPECT_EQ(answer.error(), std::string("invalid_value ") + field) << value;
  }
}

TEST_F(BadInput, ReasonsHelp) {
  EXPECT_THAT(with("size", "1280x720").message(), HasSubstr("128x128"));
  EXPECT_THAT(with("seconds", "4").message(), HasSubstr("at most 16"));
  EXPECT_THAT(with("width", 128).message(), HasSubstr("use size"));
  EXPECT_THAT(with("num_inference_steps", 9).message(), HasSubstr("takes 8 steps"));
  json both = clip_request();
  both.update({{"seconds", 1}, {"num_frames", 5}});
  EXPECT_THAT(post(both).message(), HasSubstr("num_frames is 5"));
}

TEST_F(BadInput, UnknownNames) {
  const Answer model = with("model", "sora-2");
  EXPECT_EQ(model.status, 404);
  EXPECT_EQ(model.error(), "not_found model");
  EXPECT_THAT(model.message(), HasSubstr("animate"));
  EXPECT_EQ(bench_.ask("GET", "/v1/models/sora-2").error(), "not_found model");
  EXPECT_EQ(bench_.ask("GET", "/v1/videos/video_0").error(), "not_found id");
  EXPECT_EQ(bench_.ask("GET", "/v1/videos/sync").error(), "method_not_allowed method");
  EXPECT_EQ(bench_.ask("GET", "/v1/images/video_1/content").error(), "not_found id");
  EXPECT_EQ(bench_.ask("GET", "/v1/jobs/video_0/events").error(), "not_found id");
  EXPECT_EQ(bench_.ask("GET", "/v1/nothing").status, 404);
  EXPECT_EQ(bench_.ask("GET", "/../../etc/passwd").status, 404);
  EXPECT_EQ(bench_.ask("GET", "/%2e%2e/%2e%2e/etc/passwd").status, 404);
  EXPECT_EQ(bench_.ask("GET", "/v1/videos/..%2f..%2fetc/content").status, 404);
  const Answer method = bench_.ask("PUT", "/v1/videos");
  EXPECT_EQ(method.status, 405);
  EXPECT_EQ(method.header("allow"), "POST, GET");
  EXPECT_EQ(method.error(), "method_not_allowed method");
}

TEST_F(BadInput, Bodies) {
  const auto post_text = [&](const std::string& text, const Headers& type) {
    return bench_.ask("POST", "/v1/videos", text, type);
  };
  for (const char* text : {"", "{", "[]", "null", "\"text\"", "{\"prompt\": \"a\",}",
                           "{\"prompt\": \"\xff\"}", "{\"prompt\": 1, \"prompt\": 2}"}) {
    const Answer answer = post_text(text, json_type());
    EXPECT_EQ(answer.status, 400) << text;
    EXPECT_EQ(answer.error(), "invalid_value body") << text;
  }
  EXPECT_EQ(post_text(std::string(100'000, '['), json_type()).error(), "invalid_value body");
  EXPECT_EQ(post_text("{}", {}).error(), "unsupported_media_type content-type");
  EXPECT_EQ(post_text("{}", {{"content-type", "text/plain"}}).status, 415);
  Headers squeezed = json_type();
  squeezed["content-encoding"] = "gzip";
  EXPECT_EQ(post_text("{}", squeezed).error(), "unsupported_media_type content-encoding");
  EXPECT_EQ(
      bench_.ask("POST", "/v1/images/generations", form_body({{"prompt", "p"}}, {}), form_type())
          .status,
      415);
}

TEST_F(BadInput, Forms) {
  const std::string good = form_body({{"prompt", "p"}}, {{"input_reference", "a", small_png()}});
  const auto post_form = [&](const std::string& body) {
    const Answer answer = bench_.ask("POST", "/v1/videos", body, form_type());
    EXPECT_EQ(answer.status, 400);
    return answer;
  };
  for (const std::string& body :
       {std::string("nothing"), good.substr(0, good.size() / 2), good.substr(0, good.size() - 6),
        std::string("--a-boundary-of-the-tests\r\n\r\n\r\n--a-boundary-of-the-tests--\r\n")}) {
    EXPECT_THAT(post_form(body).message(), HasSubstr("multipart")) << body.substr(0, 80);
  }
  EXPECT_EQ(
      bench_.ask("POST", "/v1/videos", good, {{"content-type", "multipart/form-data"}}).error(),
      "invalid_value content-type");
  EXPECT_EQ(post_form(form_body({{"prompt", "p"}, {"prompt", "q"}}, {})).error(),
            "invalid_value prompt");
  EXPECT_EQ(post_form(form_body({{"prompt", "p"}, {"what", "q"}},
                                {{"input_reference", "a", small_png()}}))
                .error(),
            "invalid_value what");
  EXPECT_EQ(post_form(form_body({}, {{"prompt", "a.txt", "p"}})).error(), "invalid_value prompt");
  EXPECT_EQ(post_form(form_body({{"prompt", "p"}}, {{"input_reference", "a", small_png()},
                                                    {"input_reference", "b", small_png()}}))
                .error(),
            "invalid_value input_reference");
}

TEST_F(BadInput, NamesFromStrangersStayOnOneLine) {
  const Answer answer = with("a\nb\r\nx: y", 1);
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(answer.message().find('\n'), std::string::npos);
}

TEST(BadState, ExpiredAndFailedResults) {
  Bench bench;
  bench.start();
  const std::string id =
      bench.ask("POST", "/v1/videos", clip_request().dump(), json_type()).json()["id"];
  bench.jobs.complete(id);
  bench.jobs.expire(id);
  const Answer expired = bench.ask("GET", "/v1/videos/" + id + "/content");
  EXPECT_EQ(expired.status, 404);
  EXPECT_EQ(expired.error(), "not_found id");
  EXPECT_THAT(expired.message(), HasSubstr("expired"));
  EXPECT_EQ(bench.ask("GET", "/v1/videos/" + id).json()["status"], "expired");
}

TEST(BadState, AStoreThatFailsIsNotTheClientsFault) {
  Bench bench;
  bench.start();
  bench.jobs.broken = base::unavailable("store: does not answer");
  const Answer answer = bench.ask("GET", "/v1/videos");
  EXPECT_EQ(answer.status, 503);
  EXPECT_FALSE(answer.header("retry-after").empty());
  bench.jobs.broken = base::data_loss("/secret/jobs.db: row 7");
  const Answer lost = bench.ask("GET", "/v1/videos");
  EXPECT_EQ(lost.status, 500);
  EXPECT_EQ(lost.body.find("secret"), std::string::npos);
}

}  // namespace
}  // namespace zoetrope::http::testing
