// Bad input of every kind: handled, or refused with one clear line and the right exit code.
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "integration/fixture.h"

namespace zoetrope::integration {
namespace {

using ::testing::HasSubstr;
using namespace media::testing;  // pictures of every kind
using media::Image;

void write_text(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

TEST_F(CommandLineTest, MissingPicture) {
  expect_refused(animate(in_folder("none.png")), "none.png");
}

TEST_F(CommandLineTest, AFolderAsPicture) {
  expect_refused(animate(in_folder(".")), in_folder("."));
}

TEST_F(CommandLineTest, EmptyAndForeignPictures) {
  write_text(in_folder("empty.png"), "");
  expect_refused(animate(in_folder("empty.png")), "empty.png");
  write_text(in_folder("text.png"), "this is not a picture at all");
  expect_refused(animate(in_folder("text.png")), "text.png");
}

TEST_F(CommandLineTest, TruncatedPicture) {
  Encoded png = encode_png(png_of(test_picture(64, 64)));
  png.resize(png.size() / 2);
  write_bytes(folder_ / "half.png", png);
  expect_refused(animate(in_folder("half.png")), "half.png");
}

TEST_F(CommandLineTest, ImageBombIsRefusedBeforeItIsDecoded) {
  // A header that announces 60,000 x 60,000 pixels over a few bytes of data.
  Encoded png = encode_png(png_of(test_picture(8, 8)));
  const std::array<uint8_t, 8> size = {0, 0, 0xEA, 0x60, 0, 0, 0xEA, 0x60};
  std::ranges::copy(size, png.begin() + 16);
  write_bytes(folder_ / "bomb.png", png);
  expect_refused(animate(in_folder("bomb.png")), "bomb.png");
}

TEST_F(CommandLineTest, UnusualPicturesAreTaken) {
  const Image image = test_picture(40, 30);
  PngSpec grey{.width = 8, .height = 8, .bit_depth = 16, .colour_type = 0};
  for (int y = 0; y < 8; ++y) grey.rows.push_back(Encoded(16, static_cast<uint8_t>(20 * y)));
  PngSpec transparent{.width = 8, .height = 8, .bit_depth = 8, .colour_type = 6};
  for (int y = 0; y < 8; ++y) transparent.rows.push_back(Encoded(32, static_cast<uint8_t>(30 * y)));
  JpegSpec cmyk{.width = 8,
                .height = 8,
                .components = 4,
                .in_colour = 4,
                .file_colour = 4,
                .samples = Encoded(8 * 8 * 4, 90)};
  JpegSpec rotated = jpeg_of(image);
  rotated.exif = exif_block(6, true, true);
  write_bytes(folder_ / "grey16.png", encode_png(grey));
  write_bytes(folder_ / "transparent.png", encode_png(transparent));
  write_bytes(folder_ / "cmyk.jpg", encode_jpeg(cmyk));
  write_bytes(folder_ / "rotated.jpg", encode_jpeg(rotated));
  write_bytes(folder_ / "pixel.png", encode_png(png_of(Image(1, 1))));
  write_bytes(folder_ / "strip.png", encode_png(png_of(Image(900, 3))));
  for (const std::string name :
       {"grey16.png", "transparent.png", "cmyk.jpg", "rotated.jpg", "pixel.png", "strip.png"}) {
    const Outcome outcome = animate(in_folder(name), {"-o", in_folder("out.gif"), "--steps", "1"});
    EXPECT_EQ(outcome.exit_code, 0) << name << ": " << outcome.err;
  }
}

TEST_F(CommandLineTest, OfAnAnimatedPictureTheFirstFrameCounts) {
  ASSERT_EQ(animate(picture(), {"-o", in_folder("moving.gif"), "--steps", "1"}).exit_code, 0);
  const Outcome outcome = animate(in_folder("moving.gif"), {"-o", in_folder("again.gif")});
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_THAT(outcome.err, HasSubstr("first frame"));
}

TEST_F(CommandLineTest, PromptsOfEveryKind) {
  const auto with_prompt = [&](const std::string& prompt) {
    return animate(picture(), {"--prompt", prompt, "--quiet", "-o", in_folder("out.gif")});
  };
  const Outcome empty = with_prompt("");
  EXPECT_EQ(empty.exit_code, 0);
  EXPECT_EQ(empty.err, "");
  EXPECT_EQ(with_prompt("\xF0\x9F\x9A\x80 to the moon").exit_code, 0);

  const Outcome longest = with_prompt(std::string(5000, 'a') + std::string(5000, ' ') + "b");
  EXPECT_EQ(longest.exit_code, 0);
  EXPECT_THAT(longest.err, HasSubstr("prompt"));
  EXPECT_EQ(std::count(longest.err.begin(), longest.err.end(), '\n'), 1);

  const Outcome invalid = with_prompt("caf\xE9 \xFF");
  EXPECT_EQ(invalid.exit_code, 0);
  EXPECT_THAT(invalid.err, HasSubstr("2 bytes are not UTF-8"));
}

TEST_F(CommandLineTest, UnwritableOutputIsFoundBeforeTheWork) {
  // The model is broken on purpose: had work begun, its error would be the one reported.
  const auto refused = [&](const std::string& out) {
    Launch launch = animate_launch(picture(), {"-o", out});
    *(std::ranges::find(launch.arguments, "--model") + 1) = in_folder("no-model");
    return run(launch);
  };
  expect_refused(refused(in_folder("no/such/folder/clip.mp4")), "clip.mp4");
  expect_refused(refused("/proc/clip.mp4"), "/proc/clip.mp4");
  std::filesystem::create_directory(in_folder("folder.mp4"));
  expect_refused(refused(in_folder("folder.mp4")), "folder.mp4");
  expect_wrong_usage(refused(in_folder("clip.txt")), ".mp4");
  expect_wrong_usage(refused(in_folder("clip")), "extension");
}

TEST_F(CommandLineTest, FullDiskIsOneLine) {
  // /dev/full takes no byte; it is written in place, as every device.
  const Outcome outcome = animate(picture(), {"-o", "/dev/full", "--format", "gif", "--quiet"});
  expect_refused(outcome, "no space left");
}

TEST_F(CommandLineTest, MissingAndCorruptModels) {
  const auto with_model = [&](const std::string& model) {
    Launch launch = animate_launch(picture(), {"-o", in_folder("out.gif"), "--quiet"});
    *(std::ranges::find(launch.arguments, "--model") + 1) = model;
    return run(launch);
  };
  expect_refused(with_model(in_folder("none")), "none");
  std::filesystem::create_directory(in_folder("hollow"));
  expect_refused(with_model(in_folder("hollow")), "model_index.json");

  const std::string copy = in_folder("copy");
  const auto broken = [&](const std::string& file, const std::string& text) {
    std::filesystem::remove_all(copy);
    std::filesystem::copy(model_folder(), copy, std::filesystem::copy_options::recursive);
    if (text.empty()) {
      std::filesystem::remove(copy + "/" + file);
    } else {
      write_text(copy + "/" + file, text);
    }
    return with_model(copy);
  };
  expect_refused(broken("model_index.json", "{"), "model_index.json");
  expect_refused(broken("model_index.json", R"({"_class_name": "Other"})"), "Other");
  expect_refused(broken("unet/config.json", ""), "config.json");
  expect_refused(broken("unet/config.json", R"({"block_out_channels": "x"})"),
                 "block_out_channels");
  expect_refused(broken("unet/diffusion_pytorch_model.safetensors", ""), "unet");
  expect_refused(broken("unet/diffusion_pytorch_model.safetensors", "12345678{}"), "unet");
  expect_refused(broken("scheduler/scheduler_config.json", R"({"_class_name": "X"})"),
                 "scheduler_config.json");
  expect_refused(broken("tokenizer/vocab.json", "[]"), "vocab.json");

  // Truncated weights.
  std::filesystem::remove_all(copy);
  std::filesystem::copy(model_folder(), copy, std::filesystem::copy_options::recursive);
  const std::string vae = copy + "/vae/diffusion_pytorch_model.safetensors";
  std::filesystem::resize_file(vae, std::filesystem::file_size(vae) - 100);
  expect_refused(with_model(copy), "vae");
  const Outcome inspected = run({"inspect", copy});
  EXPECT_EQ(inspected.exit_code, 1);
  EXPECT_THAT(inspected.out, HasSubstr("vae"));
}

TEST_F(CommandLineTest, WrongFlags) {
  expect_wrong_usage(run(Launch{}), "");
  expect_wrong_usage(run({"animat"}), "animat");
  EXPECT_THAT(run({"animat"}).err, HasSubstr("Did you mean animate?"));
  expect_wrong_usage(run({"animate"}), "PICTURE");
  expect_wrong_usage(animate(picture(), {"--step", "3"}), "--step");
  EXPECT_THAT(animate(picture(), {"--stepz", "3"}).err, HasSubstr("Did you mean --steps?"));
  expect_wrong_usage(animate(picture(), {"--steps", "0"}), "steps");
  expect_wrong_usage(animate(picture(), {"--steps", "many"}), "many");
  expect_wrong_usage(animate(picture(), {"--motion", "1.5"}), "motion");
  expect_wrong_usage(animate(picture(), {"--text-guidance", "nan"}), "text_guidance");
  expect_wrong_usage(animate(picture(), {"--size", "100000"}), "size");
  expect_wrong_usage(animate(picture(), {"--fps", "0"}), "fps");
  expect_wrong_usage(animate(picture(), {"--frames", "99"}), "num_frames");
  expect_wrong_usage(animate(picture(), {"--seed", "-1"}), "seed");
  expect_wrong_usage(animate(picture(), {"--device", "tpu"}), "tpu");
  expect_wrong_usage(animate(picture(), {"--dtype", "int4"}), "int4");
  expect_wrong_usage(animate(picture(), {"--memory", "lots"}), "lots");
  expect_wrong_usage(animate(picture(), {"--format", "avi"}), "avi");
  expect_wrong_usage(animate(picture(), {"--seed", "1", "2", "--count", "3"}), "--count");
}

TEST_F(CommandLineTest, WhatDoesNotFitIntoMemoryIsRefused) {
  const Outcome outcome = animate(picture(), {"--memory", "20M"});
  expect_refused(outcome, "memory");
  EXPECT_THAT(outcome.err, HasSubstr("20 MiB"));
}

TEST_F(CommandLineTest, ErrorsAreJsonToo) {
  const Outcome outcome = animate(in_folder("none.png"), {"--json"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_EQ(nlohmann::json::parse(outcome.out).at("error").at("code"), "not found");
}

TEST_F(CommandLineTest, WrongLatents) {
  write_text(in_folder("bad.safetensors"), "no");
  expect_refused(animate(picture(), {"--latents", in_folder("bad.safetensors")}),
                 "bad.safetensors");
  ASSERT_EQ(animate(picture(), {"--dump", in_folder("dump"), "-o", in_folder("a.gif")}).exit_code,
            0);
  expect_refused(animate(picture(), {"--latents", in_folder("dump/latents.safetensors")}), "noise");
  expect_refused(
      animate(picture(), {"--frames", "2", "--latents", in_folder("dump/noise.safetensors")}),
      "shape");
}

TEST_F(CommandLineTest, ControlCStopsCleanly) {
  write_text(in_folder("old.gif"), "an older file of that name");
  Program program(animate_launch(picture(), {"--steps", "1000", "-o", in_folder("old.gif")}));
  ASSERT_TRUE(program.wait_for_stderr("denoise"));
  program.send_signal(SIGINT);
  const Outcome outcome = program.wait();
  EXPECT_EQ(outcome.exit_code, 130) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("cancelled"));
  const std::vector<std::string> left = {"old.gif", "picture.png"};
  EXPECT_EQ(folder_.names(), left);  // nothing half-written
  EXPECT_EQ(std::filesystem::file_size(in_folder("old.gif")), 26u);
}

}  // namespace
}  // namespace zoetrope::integration
