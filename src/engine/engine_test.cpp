#include "engine/api/engine.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <new>
#include <tuple>

#include "engine/api/inspect.h"
#include "engine/boundary.h"
#include "pipeline/block_caching.h"
#include "pipeline/picture.h"
#include "pipeline/roles.h"
#include "pipeline/step_runner.h"
#include "support/random_model.h"
#include "support/temporary_folder.h"
#include "support/transformer_fixture.h"

namespace zoetrope::engine {
namespace {

using base::StatusCode;
using test_support::kRandomModelFrames;
using test_support::kRandomModelSize;
using ::testing::HasSubstr;
using ::testing::StartsWith;

media::Image picture() {
  media::Image image(60, 40);
  for (size_t i = 0; i < image.rgb.size(); ++i) image.rgb[i] = static_cast<uint8_t>(i * 11);
  return image;
}

Request request(uint64_t seed = 1) {
  Request request;
  request.picture = picture();
  request.prompt = "a rocket taking off";
  request.seed = seed;
  return request;
}

class EngineTest : public testing::Test {
 protected:
  EngineTest() { test_support::write_random_model(folder_.path()); }

  std::unique_ptr<Engine> open(EngineOptions options = {}) {
    options.device = "cpu";
    return Engine::open(folder_.path(), options).value_or_throw();
  }

  test_support::TemporaryFolder folder_;
};

TEST_F(EngineTest, MakesAClip) {
  const auto engine = open();
  std::vector<std::string> stages;
  Watch watch;
  watch.progress = [&](const base::Progress& p) {
    if (stages.empty() || stages.back() != p.stage) stages.emplace_back(p.stage);
  };
  int previews = 0;
  watch.preview = [&](const media::Image& sheet) {
    ++previews;
    EXPECT_EQ(sheet.height, kRandomModelSize);
    EXPECT_GT(sheet.width, sheet.height);
  };
  const ClipResult clip = engine->generate(request(), watch).value_or_throw();
  EXPECT_EQ(clip.frames.size(), static_cast<size_t>(kRandomModelFrames));
  EXPECT_EQ(clip.steps, 3);
  EXPECT_EQ(previews, 3);
  EXPECT_EQ(stages, (std::vector<std::string>{"denoise", "decode"}));
  EXPECT_GT(clip.peak_memory_bytes, 0);
  // Frame 0 is the picture itself: padded to a square, the middle of its rows intact.
  EXPECT_EQ(clip.frames.front().width, kRandomModelSize);
}

TEST_F(EngineTest, ShowsFrameZeroAsTheNetworkMadeIt) {
  const auto engine = open();
  Request asking = request();
  asking.own_first_frame = true;
  const ClipResult clip = engine->generate(asking).value_or_throw();
  EXPECT_EQ(clip.own_first_frame.width, kRandomModelSize);
  EXPECT_NE(clip.own_first_frame, clip.frames.front()) << "that is the picture itself";
  const ClipResult plain = engine->generate(request()).value_or_throw();
  EXPECT_TRUE(plain.own_first_frame.empty());
  EXPECT_EQ(plain.frames, clip.frames);
}

TEST_F(EngineTest, PreviewsAreMadeWhileSomebodyLooks) {
  const auto engine = open();
  int asked = 0, previews = 0;
  Watch watch;
  watch.preview = [&](const media::Image&) { ++previews; };
  watch.wants_preview = [&] { return ++asked == 2; };
  ASSERT_TRUE(engine->generate(request(), watch).ok());
  EXPECT_EQ(asked, 3);
  EXPECT_EQ(previews, 1);
}

TEST_F(EngineTest, AnImageIsOneFrameOfTheClip) {
  const auto engine = open();
  EXPECT_THAT(engine->defaults().tasks,
              testing::ElementsAre(Task::kImageToVideo, Task::kImageToImage));
  const std::vector<media::Image> clip = engine->generate(request()).value_or_throw().frames;
  Request one = request();
  one.task = Task::kImageToImage;
  EXPECT_THAT(engine->generate(one).value_or_throw().frames,
              testing::ElementsAre(clip.at(clip.size() / 2)));
  one.frame = static_cast<int>(clip.size()) - 1;
  EXPECT_THAT(engine->generate(one).value_or_throw().frames, testing::ElementsAre(clip.back()));
}

TEST_F(EngineTest, ANegativePromptTakesTheEmptyTextsPlace) {
  const auto engine = open();
  const std::vector<media::Image> plain = engine->generate(request()).value_or_throw().frames;
  Request wish = request();
  wish.negative_prompt = "";
  EXPECT_EQ(engine->generate(wish).value_or_throw().frames, plain);
  wish.negative_prompt = "a cat nodding";
  EXPECT_NE(engine->generate(wish).value_or_throw().frames, plain);
  // As its own opposite a prompt adds nothing to guidance: the scale no longer matters.
  wish.negative_prompt = wish.prompt;
  const std::vector<media::Image> same = engine->generate(wish).value_or_throw().frames;
  wish.text_guidance = 1.0;
  int largest = 0;
  const std::vector<media::Image> other = engine->generate(wish).value_or_throw().frames;
  for (size_t f = 0; f < same.size(); ++f) {
    for (size_t i = 0; i < same[f].rgb.size(); ++i) {
      largest = std::max(largest, std::abs(int{same[f].rgb[i]} - int{other[f].rgb[i]}));
    }
  }
  EXPECT_LE(largest, 1) << "rounding";
}

TEST_F(EngineTest, BalancedReusesBlocksAndLosslessDoesNot) {
  const std::vector<media::Image> plain = open()->generate(request()).value_or_throw().frames;
  {
    const auto components =
        pipeline::load_components(pipeline::read_model_index(folder_.path()), at::kFloat, at::kCPU);
    const std::vector<std::string> blocks = components.teacher.unet.stacked_blocks();
    pipeline::write_block_caching(
        folder_.path(),
        {.profile = {blocks, std::vector(3, std::vector<double>(blocks.size(), 0.1))},
         .threshold = 1.0,
         .corrections = {}});
  }
  const auto engine = open();
  Request balanced = request();
  balanced.tier = Tier::kBalanced;
  const ClipResult clip = engine->generate(balanced).value_or_throw();
  EXPECT_EQ(clip.tier, Tier::kBalanced);
  EXPECT_NE(clip.frames, plain);
  EXPECT_EQ(engine->generate(balanced).value_or_throw().frames, clip.frames);
  EXPECT_EQ(engine->generate(request()).value_or_throw().frames, plain);
}

TEST_F(EngineTest, SeveralResultsOfARequestHaveTheBytesOfEachAlone) {
  const auto engine = open({.max_batch = 2});
  const std::vector<uint64_t> seeds = {7, 3, 8, 3, 9};
  std::vector<base::Progress> denoised;
  Watch watch;
  watch.progress = [&](const base::Progress& p) {
    if (p.stage == "denoise") denoised.push_back({"denoise", p.step, p.of});
  };
  std::vector<ClipResult> made;
  const base::Status status = engine->generate_each(request(), seeds, watch, [&](ClipResult clip) {
    made.push_back(std::move(clip));
    return base::Status();
  });
  ASSERT_TRUE(status.ok()) << status.message();
  ASSERT_EQ(made.size(), seeds.size());
  for (size_t i = 0; i < seeds.size(); ++i) {
    EXPECT_EQ(made[i].seed, seeds[i]);
    EXPECT_EQ(made[i].frames, engine->generate(request(seeds[i])).value_or_throw().frames) << i;
  }
  EXPECT_NE(made[0].frames, made[1].frames);
  // One count for all of them, that only grows.
  for (size_t i = 1; i < denoised.size(); ++i) {
    EXPECT_EQ(denoised[i].of, denoised[0].of);
    EXPECT_GE(denoised[i].step, denoised[i - 1].step);
  }
  EXPECT_EQ(denoised.front().step, 0);
  EXPECT_EQ(denoised.back().step, static_cast<int64_t>(seeds.size()) * made[0].steps);
  EXPECT_EQ(denoised.back().of, denoised.back().step);
}

TEST_F(EngineTest, TheRestOfTheResultsEndsWithWhoTakesThem) {
  const auto engine = open({.max_batch = 2});
  const std::vector<uint64_t> seeds = {1, 2, 3, 4, 5};
  int taken = 0;
  const base::Status status = engine->generate_each(request(), seeds, {}, [&](const ClipResult&) {
    return ++taken == 3 ? base::Status(base::StatusCode::kAborted, "full") : base::Status();
  });
  EXPECT_EQ(status.code(), base::StatusCode::kAborted);
  EXPECT_EQ(taken, 3);
  Request dumped = request();
  dumped.dump_folder = "somewhere";
  EXPECT_THAT(engine->generate_each(dumped, seeds, {}, nullptr).message(), StartsWith("dump:"));
}

TEST_F(EngineTest, RequestsAtTheSameTimeGiveTheBytesOfRequestsAlone) {
  const auto engine = open({.max_batch = 3});
  std::vector<std::vector<media::Image>> alone;
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    alone.push_back(engine->generate(request(seed)).value_or_throw().frames);
  }
  std::vector<std::future<base::Result<ClipResult>>> running;
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    running.push_back(std::async(std::launch::async,
                                 [&engine, seed] { return engine->generate(request(seed)); }));
  }
  for (size_t i = 0; i < running.size(); ++i) {
    EXPECT_EQ(running[i].get().value_or_throw().frames, alone[i]) << "request " << i;
  }
  EXPECT_NE(alone[0], alone[1]);
}

TEST_F(EngineTest, AStudentIsTheDefaultAndKeepsToWhatItLearnt) {
  const auto frames = [](Engine& engine, const Request& request) {
    const ClipResult clip = engine.generate(request, {}).value_or_throw();
    std::vector<uint8_t> bytes;
    for (const media::Image& frame : clip.frames) {
      bytes.insert(bytes.end(), frame.rgb.begin(), frame.rgb.end());
    }
    return std::pair(clip.steps, bytes);
  };
  const auto teacher_alone = frames(*open(), request());
  Request wish = request();
  wish.quality = Quality::kFast;
  EXPECT_THAT(open()->generate(wish, {}).status().message(), StartsWith("quality:"));

  test_support::add_random_student(folder_.path());
  const auto engine = open();
  wish.quality = Quality::kBest;
  EXPECT_EQ(frames(*engine, wish), teacher_alone);
  wish.quality.reset();
  const auto fast = frames(*engine, wish);
  EXPECT_EQ(fast.first, test_support::kRandomStudentSteps);
  EXPECT_NE(fast.second, teacher_alone.second);
  wish.text_guidance = 4.5;  // an input of the student's network
  EXPECT_NE(frames(*engine, wish).second, fast.second);

  wish.text_guidance = 5.5;
  EXPECT_THAT(engine->generate(wish, {}).status().message(), StartsWith("text_guidance:"));
  wish = request();
  wish.image_guidance = 0.5;
  EXPECT_THAT(engine->generate(wish, {}).status().message(), StartsWith("image_guidance:"));
  wish = request();
  wish.steps = test_support::kRandomStudentSteps + 1;
  EXPECT_THAT(engine->generate(wish, {}).status().message(), StartsWith("steps:"));
}

TEST_F(EngineTest, ACancelEndsOneRequestOnly) {
  const auto engine = open();
  Request endless = request();
  endless.steps = 1000;
  Watch watch;
  std::promise<void> begun;
  std::atomic<bool> told = false;
  watch.progress = [&](const base::Progress&) {
    if (!told.exchange(true)) begun.set_value();
  };
  auto stopped = std::async(std::launch::async, [&] { return engine->generate(endless, watch); });
  begun.get_future().wait();
  auto other = std::async(std::launch::async, [&] { return engine->generate(request(2)); });
  watch.cancel.cancel();
  EXPECT_EQ(stopped.get().status().code(), StatusCode::kCancelled);
  EXPECT_TRUE(other.get().ok());
}

TEST_F(EngineTest, RefusesWhatDoesNotFitBeforeAnyWork) {
  const auto refused = Engine::open(folder_.path(), {.memory_limit_bytes = 1 << 20});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.status().code(), StatusCode::kResourceExhausted);
  EXPECT_THAT(refused.status().message(), HasSubstr("1 MiB"));
}

TEST_F(EngineTest, OptionsAndModelsThatAreWrong) {
  EXPECT_EQ(Engine::open(folder_.path(), {.device = "tpu"}).status().code(),
            StatusCode::kInvalidArgument);
  EXPECT_EQ(Engine::open(folder_.path(), {.dtype = "int3"}).status().code(),
            StatusCode::kInvalidArgument);
  EXPECT_EQ(Engine::open(folder_.path() / "none").status().code(), StatusCode::kNotFound);
}

TEST_F(EngineTest, InspectFindsUnusedAndMissingWeights) {
  const ModelReport report = inspect_model(folder_.path()).value_or_throw();
  ASSERT_EQ(report.components.size(), 3u);
  for (const ComponentReport& part : report.components) {
    EXPECT_EQ(part.problem, "") << part.name;
    EXPECT_TRUE(part.unused.empty()) << part.name;
    EXPECT_EQ(part.dtypes, std::vector<std::string>{"bf16"});
    EXPECT_EQ(part.bytes, 2 * part.parameters);
  }
  std::filesystem::remove(folder_.path() / "vae" / "diffusion_pytorch_model.safetensors");
  std::filesystem::copy(folder_.path() / "unet" / "diffusion_pytorch_model.safetensors",
                        folder_.path() / "vae" / "diffusion_pytorch_model.safetensors");
  const ModelReport broken = inspect_model(folder_.path()).value_or_throw();
  EXPECT_NE(broken.components[1].problem, "");
  EXPECT_FALSE(broken.defaults.has_value());
}

TEST_F(EngineTest, PrecisionIsForTransformers) {
  EngineOptions options;
  options.precision = "fp8";
  const base::Status refusal = Engine::open(folder_.path(), options).status();
  EXPECT_EQ(refusal.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(refusal.message(), StartsWith("precision: "));
  options = {};
  options.attention = "fp8";
  EXPECT_THAT(Engine::open(folder_.path(), options).status().message(), StartsWith("attention: "));
}

TEST(PrecisionTest, AResultSaysWhatItWasMadeWith) {
  const test_support::TemporaryFolder folder;
  const test_support::TransformerFixture fixture("flux");
  fixture.write_model(folder.path());
  EngineOptions options;
  options.device = "cpu";
  options.dtype = "fp32";
  options.precision = "int3";
  EXPECT_THAT(Engine::open(folder.path(), options).status().message(), HasSubstr("'int3'"));
  Request text;
  text.task = Task::kTextToImage;
  text.prompt = "a fox";
  text.steps = 2;
  text.width = fixture.request().at("width");
  text.height = fixture.request().at("height");
  std::vector<media::Image> pictures;
  for (const auto& [precision, named, tier] : {std::tuple{"bf16", "fp32", Tier::kLossless},
                                               {"auto", "fp32", Tier::kLossless},
                                               {"fp8", "fp8", Tier::kTurbo},
                                               {"int8", "int8", Tier::kTurbo},
                                               {"int4", "int4", Tier::kTurbo}}) {
    options.precision = precision;
    const auto engine = Engine::open(folder.path(), options).value_or_throw();
    const ClipResult made = engine->generate(text).value_or_throw();
    EXPECT_EQ(made.precision, named);
    EXPECT_EQ(made.tier, tier);
    EXPECT_EQ(made.attention, "exact");
    pictures.push_back(made.frames.front());
  }
  options.precision = "bf16";
  options.attention = "fp4";
  EXPECT_THAT(Engine::open(folder.path(), options).status().message(), HasSubstr("'fp4'"));
  options.attention = "fp8";
  const auto engine = Engine::open(folder.path(), options).value_or_throw();
  const ClipResult made = engine->generate(text).value_or_throw();
  EXPECT_EQ(made.attention, "fp8");
  EXPECT_EQ(made.tier, Tier::kTurbo);
  EXPECT_EQ(pictures[0].rgb, pictures[1].rgb);
  for (size_t i = 2; i < pictures.size(); ++i) EXPECT_NE(pictures[i].rgb, pictures[0].rgb) << i;
}

TEST(BoundaryTest, EveryExceptionBecomesAStatus) {
  const auto code_of = [](auto thrown) { return guarded([&]() -> int { throw thrown; }).status(); };
  EXPECT_EQ(code_of(base::Error(base::data_loss("x"))), base::data_loss("x"));
  EXPECT_EQ(code_of(std::bad_alloc()).code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(code_of(std::runtime_error("first\nsecond")).message(), "first");
  EXPECT_EQ(code_of(7).code(), StatusCode::kInternal);
  const base::Status torch = guarded([] { return at::zeros({2}) + at::zeros({3}); }).status();
  EXPECT_EQ(torch.code(), StatusCode::kInternal);
  EXPECT_EQ(torch.message().find('\n'), std::string::npos);
  EXPECT_EQ(guarded([] { return at::empty({int64_t{1} << 60}); }).status().code(),
            StatusCode::kResourceExhausted);
  EXPECT_EQ(guarded([] { return 5; }).value_or_throw(), 5);
}

}  // namespace
}  // namespace zoetrope::engine
