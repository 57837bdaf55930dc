#include "media/read_video.h"

#include <gtest/gtest.h>

#include "media/ffmpeg_encoder.h"
#include "media/test_pictures.h"
#include "media/video.h"

namespace zoetrope::media {
namespace {

using base::StatusCode;
using testing::Encoded;

const std::filesystem::path kExamples = std::filesystem::path(ZOETROPE_SOURCE_DIR) / "examples";

Clip moving_clip(int frames) {
  Clip clip{.frames = {}, .fps = 8};
  for (int i = 0; i < frames; ++i) clip.frames.push_back(testing::test_picture(48, 32, 0.3 * i));
  return clip;
}

// Lossless RGB, as people keep training clips.
Encoded ffv1_in_matroska(const Clip& clip) {
  EncoderSettings settings;
  settings.container = "matroska";
  settings.encoder = "ffv1";
  settings.pixel_format = AV_PIX_FMT_BGR0;
  settings.width = clip.frames[0].width;
  settings.height = clip.frames[0].height;
  settings.fps = clip.fps;
  const auto fill = [&](size_t i, AVFrame& frame) {
    const Image& image = clip.frames[i];
    for (int y = 0; y < image.height; ++y) {
      for (int x = 0; x < image.width; ++x) {
        for (int c = 0; c < 3; ++c) {
          frame.data[0][y * frame.linesize[0] + 4 * x + c] = image.at(x, y)[2 - c];
        }
      }
    }
  };
  return *encode_with_ffmpeg(settings, clip.frames.size(), fill, {});
}

TEST(VideoReader, StreamsTheWholeSampleAndEndsOnce) {
  auto opened = VideoReader::open(kExamples / "stickers/animations-128px.mkv");
  ASSERT_TRUE(opened.ok()) << opened.status().message();
  VideoReader reader = std::move(opened).value();
  EXPECT_EQ(reader.info().width, 128);
  EXPECT_EQ(reader.info().height, 128);
  EXPECT_EQ(reader.info().fps, 8);
  EXPECT_EQ(reader.info().codec, "h264");
  int frames = 0;
  while (true) {
    auto frame = reader.next();
    ASSERT_TRUE(frame.ok()) << frame.status().message();
    if (!*frame) break;
    ASSERT_EQ((*frame)->rgb.size(), 128u * 128 * 3);
    ++frames;
  }
  EXPECT_EQ(frames, 40 * 16);
  auto after = reader.next();
  ASSERT_TRUE(after.ok());
  EXPECT_FALSE(after->has_value());
}

// The picture in examples/ is a frame of the stills, taken out by another program.
TEST(VideoReader, ColoursAgreeWithThePngOfTheSameStill) {
  const auto rocket = read_image(kExamples / "rocket.png");
  ASSERT_TRUE(rocket.ok()) << rocket.status().message();
  const auto stills = read_clip(kExamples / "stickers/stills-128px.mkv");
  ASSERT_TRUE(stills.ok()) << stills.status().message();
  ASSERT_EQ(stills->frames.size(), 20u);
  int nearest = 256;
  for (const Image& still : stills->frames) {
    nearest = std::min(nearest, testing::largest_difference(still, rocket->image));
  }
  EXPECT_LE(nearest, 2);
}

TEST(VideoReader, LosslessRgbIsExact) {
  const testing::TemporaryFolder folder;
  const Clip clip = moving_clip(5);
  testing::write_bytes(folder / "clip.mkv", ffv1_in_matroska(clip));
  const auto out = read_clip(folder / "clip.mkv");
  ASSERT_TRUE(out.ok()) << out.status().message();
  EXPECT_EQ(out->frames, clip.frames);
  EXPECT_EQ(out->fps, 8);
}

// Cut short, a file gives an error or the frames before the cut; never others, never a crash.
TEST(VideoReader, Truncated) {
  const testing::TemporaryFolder folder;
  const Clip clip = moving_clip(6);
  const Encoded mkv = ffv1_in_matroska(clip);
  const Encoded mp4 = *encode_clip(clip, VideoFormat::kMp4);
  ::testing::internal::CaptureStderr();
  for (const Encoded* whole : {&mkv, &mp4}) {
    for (size_t size = 0; size < whole->size(); size += 1 + whole->size() / 50) {
      testing::write_bytes(folder / "cut", {whole->data(), size});
      const auto out = read_clip(folder / "cut");
      if (out.ok()) {
        EXPECT_LT(out->frames.size(), 6u) << size;
        for (size_t i = 0; i < out->frames.size(); ++i) {
          EXPECT_GT(testing::psnr(out->frames[i], clip.frames[i]), 25) << size << " frame " << i;
        }
      } else {
        EXPECT_TRUE(out.status().message().starts_with((folder / "cut").string() + ": "));
        EXPECT_EQ(out.status().message().find('\n'), std::string::npos);
      }
    }
  }
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

TEST(VideoReader, Limits) {
  const testing::TemporaryFolder folder;
  const Clip clip = moving_clip(6);
  testing::write_bytes(folder / "clip", *encode_clip(clip, VideoFormat::kMp4));
  EXPECT_TRUE(read_clip(folder / "clip", {.max_pixels = 48 * 32, .max_frames = 6}).ok());
  EXPECT_EQ(read_clip(folder / "clip", {.max_frames = 5}).status().message(),
            (folder / "clip").string() + ": more than the 5 frames that are accepted");
  EXPECT_EQ(VideoReader::open(folder / "clip", {.max_pixels = 48 * 32 - 1}).status().code(),
            StatusCode::kResourceExhausted);
  EXPECT_EQ(VideoReader::open(folder / "clip", {.max_side = 47}).status().code(),
            StatusCode::kResourceExhausted);
}

TEST(VideoReader, FilesThatAreNoVideo) {
  const testing::TemporaryFolder folder;
  EXPECT_EQ(VideoReader::open(folder / "none").status().code(), StatusCode::kNotFound);
  EXPECT_EQ(VideoReader::open(folder / "").status().code(), StatusCode::kInvalidArgument);
  // A playlist and a script: FFmpeg would follow them to other files and addresses.
  testing::write_bytes(folder / "real.mp4", *encode_clip(moving_clip(2), VideoFormat::kMp4));
  for (const std::string& text :
       {std::string("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nreal.mp4\n#EXT-X-ENDLIST\n"),
        std::string("ffconcat version 1.0\nfile real.mp4\n"), std::string("just text"),
        std::string()}) {
    testing::write_bytes(folder / "list.mp4", Encoded(text.begin(), text.end()));
    const auto status = VideoReader::open(folder / "list.mp4").status();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << text << status.message();
  }
}

}  // namespace
}  // namespace zoetrope::media
