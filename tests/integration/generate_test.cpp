// generate as a user runs it, on tiny diffusion transformers: what diffusers made of the same noise
// must come out, and what cannot be made is refused in one line.
#include <ATen/ATen.h>

#include <map>

#include "integration/fixture.h"
#include "media/read_video.h"
#include "support/transformer_fixture.h"
#include "weights/tensor_io.h"

namespace zoetrope::integration {
namespace {

using test_support::TransformerFixture;

class GenerateTest : public CommandLineTest {
 protected:
  // Of the fixture, written once.
  static const std::string& model(const std::string& name) {
    static const test_support::TemporaryFolder folder;
    static std::map<std::string, std::string> written;
    std::string& path = written[name];
    if (path.empty()) {
      path = (folder.path() / name).string();
      std::filesystem::create_directory(path);
      TransformerFixture(name).write_model(path);
    }
    return path;
  }

  Outcome generate(const std::string& name, const std::vector<std::string>& more) const {
    Launch launch{{"generate", "--model", model(name), "--dtype", "fp32", "--threads", "1"}};
    launch.arguments.insert(launch.arguments.end(), more.begin(), more.end());
    launch.folder = folder_ / ".";
    return run(launch);
  }
};

TEST_F(GenerateTest, APictureEqualsDiffusersFromTheSameNoise) {
  const TransformerFixture fixture("flux");
  ASSERT_TRUE(
      weights::save_tensors(in_folder("noise.safetensors"), {{"noise", fixture.tensor("noise")}})
          .ok());
  const nlohmann::json& request = fixture.request();
  const Outcome outcome =
      generate("flux", {"--prompt", request.at("prompt"), "--negative-prompt",
                        request.at("negative_prompt"), "--true-cfg-scale", "2", "--height", "24",
                        "--width", "32", "--steps", "4", "--guidance", "2.5", "--latents",
                        in_folder("noise.safetensors"), "--json", "-o", in_folder("out.png")});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(nlohmann::json::parse(outcome.out).at("clips").at(0).at("width"), 32);
  const auto made = media::read_image(in_folder("out.png"));
  ASSERT_TRUE(made.ok()) << made.status().message();
  const at::Tensor expected = fixture.tensor("frames").contiguous();
  ASSERT_EQ(static_cast<int64_t>(made->image.rgb.size()), expected.numel());
  // 60 dB and more: hardly a byte is off by one.
  double error = 0;
  for (int64_t i = 0; i < expected.numel(); ++i) {
    const double difference = made->image.rgb[i] - expected.data_ptr<uint8_t>()[i];
    error += difference * difference;
  }
  EXPECT_LE(error / static_cast<double>(expected.numel()), 255.0 * 255.0 * 1e-6);
}

TEST_F(GenerateTest, TheSameSeedGivesTheSamePicture) {
  std::vector<media::Image> made;
  for (const char* name : {"a.png", "b.png", "c.png"}) {
    const Outcome outcome =
        generate("hidream", {"-p", "a cat", "--width", "32", "--height", "24", "--steps", "2",
                             "--seed", *name == 'c' ? "8" : "7", "-o", in_folder(name)});
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    made.push_back(media::read_image(in_folder(name))->image);
  }
  EXPECT_EQ(made[0].rgb, made[1].rgb);
  EXPECT_NE(made[0].rgb, made[2].rgb);
  // Several at the same time are what each is alone.
  const Outcome outcome =
      generate("hidream", {"-p", "a cat", "--width", "32", "--height", "24", "--steps", "2",
                           "--seed", "7", "--count", "2", "-o", in_folder("n.png")});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(media::read_image(in_folder("n-7.png"))->image.rgb, made[0].rgb);
  EXPECT_EQ(media::read_image(in_folder("n-8.png"))->image.rgb, made[2].rgb);
}

TEST_F(GenerateTest, TheExtensionSaysWhatIsMade) {
  const std::vector<std::string> flags = {"-p",       "a cat", "--width", "32",
                                          "--height", "32",    "--steps", "2"};
  auto with = [&](std::vector<std::string> more) {
    more.insert(more.end(), flags.begin(), flags.end());
    return more;
  };
  ASSERT_EQ(generate("wan", with({"--frames", "5", "-o", in_folder("clip.mp4")})).exit_code, 0);
  EXPECT_EQ(media::read_clip(in_folder("clip.mp4"))->frames.size(), 5u);
  ASSERT_EQ(generate("wan", with({"-o", in_folder("one.png")})).exit_code, 0);
  EXPECT_TRUE(media::read_image(in_folder("one.png")).ok());
  ASSERT_EQ(generate("wan_from_picture",
                     with({"--image", picture(), "--frames", "5", "-o", in_folder("from.gif")}))
                .exit_code,
            0);
  EXPECT_EQ(media::read_clip(in_folder("from.gif"))->frames.size(), 5u);
}

TEST_F(GenerateTest, WhatAModelCannotDoIsRefused) {
  const auto refused = [&](const std::string& name, std::vector<std::string> flags,
                           const std::string& subject) {
    flags.insert(flags.end(), {"-p", "a cat"});
    expect_wrong_usage(generate(name, flags), subject);
  };
  refused("flux", {"-o", in_folder("a.mp4")}, "task: this model cannot do text_to_video");
  refused("flux", {"--width", "30", "-o", in_folder("a.png")}, "width: must be a multiple of 4");
  refused("flux", {"--negative-prompt", "blurry", "-o", in_folder("a.png")}, "true_cfg_scale");
  refused("hidream", {"--image", picture(), "-o", in_folder("a.png")}, "task:");
  refused("wan", {"--frames", "6", "-o", in_folder("a.mp4")},
          "num_frames: must be a multiple of 4");
  refused("wan", {"--strength", "0.5", "-o", in_folder("a.mp4")}, "strength:");
  refused("wan_from_picture", {"-o", in_folder("a.mp4")}, "task:");
  refused("flux", {"-o", in_folder("a.tiff")}, "cannot write '.tiff' files");
}

TEST_F(GenerateTest, InspectSaysWhatAModelIs) {
  const Outcome outcome = run({"inspect", model("hidream"), "--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, testing::HasSubstr("HiDreamImagePipeline"));
  std::filesystem::path broken = in_folder("broken");
  std::filesystem::copy(model("flux"), broken, std::filesystem::copy_options::recursive);
  std::filesystem::remove(broken / "transformer" / "diffusion_pytorch_model.safetensors");
  const Outcome missing = run({"inspect", broken.string()});
  EXPECT_NE(missing.exit_code, 0);
  EXPECT_THAT(missing.out + missing.err, testing::HasSubstr("transformer: no weights"));
}

}  // namespace
}  // namespace zoetrope::integration
