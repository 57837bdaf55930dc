// animate as a user runs it: what it writes and says when all is well.
#include "integration/fixture.h"
#include "media/read_video.h"

namespace zoetrope::integration {
namespace {

constexpr std::string_view kHalfBlock = "\u2580";

size_t count(std::string_view text, std::string_view part) {
  size_t found = 0;
  for (size_t at = 0; (at = text.find(part, at)) != text.npos; at += part.size()) ++found;
  return found;
}

using test_support::kRandomModelFrames;
using test_support::kRandomModelSize;
using ::testing::HasSubstr;

TEST_F(CommandLineTest, WritesAClipInEveryFormat) {
  for (const std::string name : {"clip.mp4", "clip.gif", "clip.webp"}) {
    const Outcome outcome = animate(picture(), {"--prompt", "a rocket", "-o", in_folder(name)});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_GT(std::filesystem::file_size(in_folder(name)), 100u) << name;
  }
  const auto clip = media::read_clip(in_folder("clip.mp4"));
  ASSERT_TRUE(clip.ok());
  EXPECT_EQ(clip->frames.size(), static_cast<size_t>(kRandomModelFrames));
  EXPECT_EQ(clip->frames.front().width, kRandomModelSize);
}

TEST_F(CommandLineTest, NamesTheClipAfterThePictureWithoutOut) {
  EXPECT_EQ(animate(picture()).exit_code, 0);
  EXPECT_TRUE(std::filesystem::exists(in_folder("picture.mp4")));
}

TEST_F(CommandLineTest, JsonIsOneObjectOnStdout) {
  const Outcome outcome =
      animate(picture(), {"--json", "--seed", "5", "--size", "96", "-o", in_folder("a.mp4")});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const auto json = nlohmann::json::parse(outcome.out);
  const auto& clip = json.at("clips").at(0);
  EXPECT_EQ(clip.at("seed"), 5);
  EXPECT_EQ(clip.at("steps"), 2);
  EXPECT_EQ(clip.at("width"), 96);
  EXPECT_EQ(clip.at("frames"), kRandomModelFrames);
  EXPECT_GT(clip.at("seconds").at("total").get<double>(), 0.0);
  EXPECT_GT(clip.at("peak_memory_bytes").get<int64_t>(), 0);
}

TEST_F(CommandLineTest, QuietSaysNothing) {
  const Outcome outcome = animate(picture(), {"--quiet"});
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_EQ(outcome.out + outcome.err, "");
}

TEST_F(CommandLineTest, PreviewDrawsEachStepOverTheLastOnATerminal) {
  Launch launch = animate_launch(picture(), {"--preview", "-o", in_folder("seen.gif")});
  launch.environment["COLORTERM"] = "truecolor";
  launch.terminal_columns = 20;
  const Outcome outcome = run(launch);
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;

  const std::string clear_below = "\x1b[J";
  ASSERT_EQ(count(outcome.err, clear_below), 2u);  // one picture a step
  const size_t first = outcome.err.find(clear_below), second = outcome.err.rfind(clear_below);
  const std::string picture_rows = outcome.err.substr(first, second - first);
  const size_t rows = count(picture_rows, "\x1b[0m\r\n");
  EXPECT_GT(rows, 0u);
  EXPECT_EQ(count(picture_rows, kHalfBlock), rows * 20);
  EXPECT_THAT(picture_rows, HasSubstr("\x1b[" + std::to_string(rows) + "A"));

  // Watching changes nothing.
  ASSERT_EQ(animate(picture(), {"-o", in_folder("unseen.gif")}).exit_code, 0);
  EXPECT_EQ(media::testing::read_bytes(in_folder("seen.gif")),
            media::testing::read_bytes(in_folder("unseen.gif")));
}

TEST_F(CommandLineTest, PreviewIsLeftOutWhereItCannotBeShown) {
  Launch launch = animate_launch(picture(), {"--preview"});
  launch.environment["COLORTERM"] = "truecolor";
  const Outcome into_a_file = run(launch);
  launch.environment["COLORTERM"] = "";
  launch.terminal_columns = 80;
  const Outcome without_colours = run(launch);
  for (const Outcome& outcome : {into_a_file, without_colours}) {
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr("--preview needs a terminal"));
    EXPECT_EQ(count(outcome.err, kHalfBlock), 0u);
  }
}

TEST_F(CommandLineTest, SeveralSeedsGiveSeveralClips) {
  const Outcome outcome = animate(picture(), {"--seed", "3", "9", "-o", in_folder("clip.gif")});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  const auto first = media::testing::read_bytes(in_folder("clip-3.gif"));
  const auto second = media::testing::read_bytes(in_folder("clip-9.gif"));
  EXPECT_NE(first, second);
  EXPECT_EQ(
      animate(picture(), {"--seed", "3", "--count", "2", "-o", in_folder("more.gif")}).exit_code,
      0);
  EXPECT_TRUE(std::filesystem::exists(in_folder("more-4.gif")));
  EXPECT_EQ(media::testing::read_bytes(in_folder("more-3.gif")), first);
}

TEST_F(CommandLineTest, SameRequestSameBytesWithOneThreadOrTwo) {
  ASSERT_EQ(animate(picture(), {"-o", in_folder("a.gif"), "--prompt", "x"}).exit_code, 0);
  ASSERT_EQ(animate(picture(), {"-o", in_folder("b.gif"), "--prompt", "x"}).exit_code, 0);
  Launch two = animate_launch(picture(), {"-o", in_folder("c.gif"), "--prompt", "x"});
  *(std::ranges::find(two.arguments, "--threads") + 1) = "2";
  ASSERT_EQ(run(two).exit_code, 0);
  const auto bytes = media::testing::read_bytes(in_folder("a.gif"));
  EXPECT_EQ(media::testing::read_bytes(in_folder("b.gif")), bytes);
  EXPECT_EQ(media::testing::read_bytes(in_folder("c.gif")), bytes);
}

TEST_F(CommandLineTest, ADumpCanBeStartedFromAgain) {
  const std::string dump = in_folder("dump");
  ASSERT_EQ(animate(picture(), {"--seed", "4", "--dump", dump, "-o", in_folder("a.gif")}).exit_code,
            0);
  for (const std::string name :
       {"noise.safetensors", "conditioning.safetensors", "latents.safetensors", "request.json"}) {
    EXPECT_TRUE(std::filesystem::exists(dump + "/" + name)) << name;
  }
  // The noise of seed 4 under another seed gives the clip of seed 4.
  ASSERT_EQ(animate(picture(), {"--seed", "99", "--latents", dump + "/noise.safetensors", "-o",
                                in_folder("b.gif")})
                .exit_code,
            0);
  EXPECT_EQ(media::testing::read_bytes(in_folder("a.gif")),
            media::testing::read_bytes(in_folder("b.gif")));
}

TEST_F(CommandLineTest, ReadsFlagsFromTheConfigurationFile) {
  const std::string toml = "[animate]\nsteps = 1\nsize = 32\n";
  media::testing::write_bytes(
      folder_ / "zoetrope.toml",
      std::span(reinterpret_cast<const uint8_t*>(toml.data()), toml.size()));
  Launch launch{{"animate", picture(), "--model", model_folder().string(), "--json"}};
  launch.folder = folder_ / ".";
  const Outcome outcome = run(launch);
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const auto clip = nlohmann::json::parse(outcome.out).at("clips").at(0);
  EXPECT_EQ(clip.at("steps"), 1);
  EXPECT_EQ(clip.at("width"), 32);
}

TEST_F(CommandLineTest, FindsTheModelThroughTheEnvironment) {
  Launch launch{{"animate", picture(), "--steps", "1", "-o", in_folder("a.gif")}};
  launch.environment["ZOETROPE_MODELS"] = model_folder().parent_path().string();
  EXPECT_EQ(run(launch).exit_code, 0);
  launch.environment["ZOETROPE_MODELS"] = in_folder("nowhere");
  expect_refused(run(launch), "ZOETROPE_MODELS");
}

TEST_F(CommandLineTest, InspectAndBenchDescribeTheModel) {
  const Outcome inspected = run({"inspect", model_folder().string(), "--json"});
  ASSERT_EQ(inspected.exit_code, 0) << inspected.err;
  const auto report = nlohmann::json::parse(inspected.out);
  EXPECT_EQ(report.at("pipeline"), "ZoetropeAnimatePipeline");
  EXPECT_EQ(report.at("components").size(), 3u);
  EXPECT_GT(report.at("memory").at("peak_bytes").get<int64_t>(), 0);
  EXPECT_THAT(run({"inspect", model_folder().string()}).out, HasSubstr("unet"));

  const Outcome bench =
      run({"bench", "--model", model_folder().string(), "--runs", "1", "--steps", "1", "--json"});
  ASSERT_EQ(bench.exit_code, 0) << bench.err;
  const auto figures = nlohmann::json::parse(bench.out);
  EXPECT_GT(figures.at("step_seconds").get<double>(), 0.0);
  // What was predicted was enough.
  EXPECT_LE(figures.at("peak_memory_bytes"), report.at("memory").at("peak_bytes"));
}

TEST_F(CommandLineTest, DoctorAndVersionSpeakJson) {
  Launch launch{{"doctor", "--json"}};
  launch.environment["ZOETROPE_MODELS"] = model_folder().parent_path().string();
  const Outcome doctor = run(launch);
  EXPECT_EQ(doctor.exit_code, 0) << doctor.out;
  EXPECT_TRUE(nlohmann::json::parse(doctor.out).at("usable").get<bool>());
  EXPECT_TRUE(nlohmann::json::parse(run({"version", "--json"}).out).contains("libtorch"));
  EXPECT_EQ(run({"--version"}).out, run({"version"}).out);
}

TEST_F(CommandLineTest, CompletionKnowsEveryCommandAndFlag) {
  for (const std::string shell : {"bash", "zsh", "fish"}) {
    const Outcome outcome = run({"completion", shell});
    EXPECT_EQ(outcome.exit_code, 0);
    EXPECT_THAT(outcome.out, HasSubstr("animate"));
    EXPECT_THAT(outcome.out, HasSubstr("text-guidance"));
  }
}

TEST_F(CommandLineTest, HelpGoesToStdoutWithExamples) {
  for (const std::string command : {"animate", "inspect", "bench", "doctor", "completion"}) {
    const Outcome outcome = run({command, "--help"});
    EXPECT_EQ(outcome.exit_code, 0);
    EXPECT_THAT(outcome.out, HasSubstr("--help"));
    EXPECT_EQ(outcome.err, "");
  }
  EXPECT_THAT(run({"animate", "--help"}).out, HasSubstr("rocket.mp4"));
}

}  // namespace
}  // namespace zoetrope::integration
