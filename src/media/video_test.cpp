#include "media/video.h"

#include <gtest/gtest.h>
#include <webp/demux.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>

#include "media/ffmpeg_encoder.h"
#include "media/palette.h"
#include "media/read_video.h"
#include "media/test_pictures.h"
#include "media/yuv.h"

namespace zoetrope::media {
namespace {

using base::StatusCode;
using testing::Encoded;

Clip moving_clip(int width, int height, int frames, double fps = 8) {
  Clip clip{.frames = {}, .fps = fps};
  for (int i = 0; i < frames; ++i) {
    clip.frames.push_back(testing::test_picture(width, height, 0.3 * i));
  }
  return clip;
}

Clip flat_clip(int width, int height, Rgb colour) {
  return {.frames = std::vector<Image>(3, Image(width, height, colour)), .fps = 8};
}

Clip decoded(const Encoded& bytes, VideoInfo* info = nullptr) {
  const testing::TemporaryFolder folder;
  testing::write_bytes(folder / "clip", bytes);
  auto reader = VideoReader::open(folder / "clip");
  EXPECT_TRUE(reader.ok()) << reader.status().message();
  if (info && reader.ok()) *info = reader->info();
  auto clip = read_clip(folder / "clip");
  EXPECT_TRUE(clip.ok()) << clip.status().message();
  return clip.ok() ? std::move(clip).value() : Clip();
}

// Frames, time in all and loop count of an animated WebP.
struct WebpFacts {
  Clip clip;
  int total_ms = 0;
  uint32_t loops = 99;
};

WebpFacts decoded_webp(const Encoded& bytes) {
  WebpFacts facts;
  const WebPData data = {bytes.data(), bytes.size()};
  WebPAnimDecoder* decoder = WebPAnimDecoderNew(&data, nullptr);
  EXPECT_NE(decoder, nullptr);
  if (!decoder) return facts;
  WebPAnimInfo info;
  WebPAnimDecoderGetInfo(decoder, &info);
  facts.loops = info.loop_count;
  uint8_t* canvas = nullptr;
  while (WebPAnimDecoderGetNext(decoder, &canvas, &facts.total_ms)) {
    Image image(static_cast<int>(info.canvas_width), static_cast<int>(info.canvas_height));
    for (size_t i = 0; i < image.rgb.size(); ++i) image.rgb[i] = canvas[i / 3 * 4 + i % 3];
    facts.clip.frames.push_back(std::move(image));
  }
  WebPAnimDecoderDelete(decoder);
  return facts;
}

double psnr(const Clip& a, const Clip& b) {
  EXPECT_EQ(a.frames.size(), b.frames.size());
  double error = 0;
  for (size_t i = 0; i < std::min(a.frames.size(), b.frames.size()); ++i) {
    error += std::pow(10, -testing::psnr(a.frames[i], b.frames[i]) / 10);
  }
  return -10 * std::log10(error / static_cast<double>(a.frames.size()));
}

// --- Colour ------------------------------------------------------------------------------------

// ITU-R BT.709 at 8 bits, limited range: the colour bars of the standard.
TEST(Yuv, StandardColours) {
  struct Case {
    Rgb rgb;
    int y, cb, cr;
  };
  for (const Case& c : {Case{{0, 0, 0}, 16, 128, 128}, Case{{255, 255, 255}, 235, 128, 128},
                        Case{{255, 0, 0}, 63, 102, 240}, Case{{0, 255, 0}, 173, 42, 26},
                        Case{{0, 0, 255}, 32, 240, 118}, Case{{255, 255, 0}, 219, 16, 138},
                        Case{{0, 255, 255}, 188, 154, 16}, Case{{255, 0, 255}, 78, 214, 230}}) {
    uint8_t y[4], cb, cr;
    to_yuv420(Image(2, 2, c.rgb), {y, &cb, &cr, 2, 1, 1});
    EXPECT_EQ(y[0], c.y);
    EXPECT_EQ(y[3], c.y);
    EXPECT_EQ(cb, c.cb);
    EXPECT_EQ(cr, c.cr);
  }
}

TEST(Yuv, ChromaSitsOnTheLeftPixelOfEachPair) {
  Image image(4, 2, {0, 0, 0});
  for (int y = 0; y < 2; ++y) image.at(2, y)[2] = 255;  // one blue column, the left of its pair
  uint8_t y[8], cb[2], cr[2];
  to_yuv420(image, {y, cb, cr, 4, 2, 2});
  EXPECT_EQ(cb[0], 128);                    // reaches no further than one pixel to its right
  EXPECT_EQ(cb[1], 128 + (240 - 128) / 2);  // 1 2 1
}

TEST(Mp4, FlatColoursComeBack) {
  for (const Rgb colour : {Rgb{255, 255, 255}, Rgb{0, 0, 0}, Rgb{255, 0, 0}, Rgb{0, 255, 0},
                           Rgb{0, 0, 255}, Rgb{120, 180, 70}}) {
    const Clip clip = flat_clip(64, 64, colour);
    const Clip out = decoded(*encode_clip(clip, VideoFormat::kMp4));
    ASSERT_EQ(out.frames.size(), 3u);
    // One step of limited-range luma or chroma is up to 2.1 steps of RGB, on either side.
    EXPECT_LE(testing::largest_difference(out.frames[1], clip.frames[1]), 4);
  }
}

// --- Containers --------------------------------------------------------------------------------

TEST(Mp4, SizeRateAndNumberOfFrames) {
  for (const double fps : {8.0, 12.5, 30000.0 / 1001}) {
    const Clip clip = moving_clip(64, 48, 17, fps);
    VideoInfo info;
    const Clip out = decoded(*encode_clip(clip, VideoFormat::kMp4), &info);
    EXPECT_EQ(out.frames.size(), 17u);
    EXPECT_EQ(info.width, 64);
    EXPECT_EQ(info.height, 48);
    EXPECT_EQ(info.codec, "h264");
    EXPECT_NEAR(info.fps, fps, 1e-3);
  }
}

TEST(Mp4, OddSizesGainTheirLastRowAndColumnAgain) {
  for (const auto& [width, height] : {std::pair{33, 47}, {1, 1}, {2, 3}}) {
    const Clip clip = moving_clip(width, height, 3);
    const auto bytes = encode_clip(clip, VideoFormat::kMp4);
    ASSERT_TRUE(bytes.ok()) << bytes.status().message();
    const Clip out = decoded(*bytes);
    ASSERT_EQ(out.frames.size(), 3u);
    EXPECT_EQ(out.frames[0].width, width + width % 2);
    EXPECT_EQ(out.frames[0].height, height + height % 2);
  }
}

TEST(Mp4, IndexIsAtTheFrontAndColoursAreTagged) {
  const Encoded bytes = *encode_clip(moving_clip(64, 64, 16), VideoFormat::kMp4);
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const size_t moov = text.find("moov"), mdat = text.find("mdat");
  ASSERT_NE(moov, std::string_view::npos);
  ASSERT_NE(mdat, std::string_view::npos);
  EXPECT_LT(moov, mdat);  // a browser can start before it has the whole file
  using namespace std::string_view_literals;
  // The box of colour tags: primaries, transfer, matrix 1 (BT.709), limited range.
  EXPECT_NE(text.find("colrnclx\0\1\0\1\0\1\0"sv), std::string_view::npos);
}

// FFmpeg's own conversion to 4:2:0 before the same encoder is the yardstick.
TEST(Mp4, NoWorseThanFfmpegsOwnConversion) {
  const Clip clip = moving_clip(128, 128, 8);
  const Owned<SwsContext> scaler(sws_getContext(128, 128, AV_PIX_FMT_RGB24, 128, 128,
                                                AV_PIX_FMT_YUV420P, SWS_BICUBIC, nullptr, nullptr,
                                                nullptr));
  sws_setColorspaceDetails(scaler.get(), sws_getCoefficients(SWS_CS_DEFAULT), 1,
                           sws_getCoefficients(SWS_CS_ITU709), 0, 0, 1 << 16, 1 << 16);
  EncoderSettings settings;
  settings.container = "mp4";
  settings.encoder = "libx264";
  settings.pixel_format = AV_PIX_FMT_YUV420P;
  settings.width = settings.height = 128;
  settings.fps = 8;
  settings.encoder_options = {{"crf", "16"}, {"preset", "medium"}};
  const auto fill = [&](size_t i, AVFrame& frame) {
    const uint8_t* const from[] = {clip.frames[i].rgb.data()};
    const int stride[] = {3 * 128};
    sws_scale(scaler.get(), from, stride, 0, 128, frame.data, frame.linesize);
  };
  const Encoded theirs = *encode_with_ffmpeg(settings, clip.frames.size(), fill, {});
  const Encoded ours = *encode_clip(clip, VideoFormat::kMp4);
  EXPECT_GE(psnr(decoded(ours), clip), psnr(decoded(theirs), clip));
  EXPECT_LT(ours.size(), theirs.size() * 5 / 4);  // not bought with bits
}

TEST(Gif, FramesRateAndEndlessLoop) {
  const Encoded bytes = *encode_clip(moving_clip(50, 31, 9, 10), VideoFormat::kGif);
  VideoInfo info;
  const Clip out = decoded(bytes, &info);
  ASSERT_EQ(out.frames.size(), 9u);
  EXPECT_EQ(out.frames[0].width, 50);
  EXPECT_EQ(out.frames[0].height, 31);
  EXPECT_EQ(info.fps, 10);
  using namespace std::string_view_literals;
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  EXPECT_NE(text.find("NETSCAPE2.0\3\1\0\0\0"sv), std::string_view::npos);  // 0: for ever
}

TEST(Gif, FewColoursAreExact) {
  Clip clip{.frames = {}, .fps = 8};
  for (int i = 0; i < 4; ++i) {
    Image image = testing::coloured_cells(10, 12, 4);
    std::rotate(image.rgb.begin(), image.rgb.begin() + 12 * i, image.rgb.end());
    clip.frames.push_back(image);
  }
  const Clip out = decoded(*encode_clip(clip, VideoFormat::kGif));
  ASSERT_EQ(out.frames.size(), 4u);
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(out.frames[i], clip.frames[i]) << i;
}

TEST(Gif, BetterThanAFixedPaletteOfTheSameSize) {
  const Clip clip = moving_clip(96, 96, 6);
  Clip fixed = clip;  // 6 levels of red and green, 7 of blue: 252 colours, each pixel the nearest
  for (Image& frame : fixed.frames) {
    for (size_t i = 0; i < frame.rgb.size(); ++i) {
      const double steps = i % 3 == 2 ? 6 : 5;
      frame.rgb[i] =
          static_cast<uint8_t>(std::lround(std::round(frame.rgb[i] / 255.0 * steps) * 255 / steps));
    }
  }
  EXPECT_GT(psnr(decoded(*encode_clip(clip, VideoFormat::kGif)), clip), psnr(fixed, clip) + 6);
}

TEST(Palette, DitherMixesOnAverageAndStandsStill) {
  Ditherer ditherer(std::vector<Rgb>{{100, 100, 100}, {120, 120, 120}});
  const uint8_t between[] = {110, 110, 110};
  int bright = 0;
  for (int y = 0; y < 8; ++y) {
    for (int x = 0; x < 8; ++x) {
      bright += ditherer.index(between, x, y);
      EXPECT_EQ(ditherer.index(between, x, y), ditherer.index(between, x + 8, y + 16));
    }
  }
  EXPECT_NEAR(bright, 32, 3);  // half of them; colours are told apart to one part in 128
  const uint8_t exact[] = {120, 120, 120};
  for (int i = 0; i < 64; ++i) EXPECT_EQ(ditherer.index(exact, i % 8, i / 8), 1);
}

TEST(AnimatedWebp, FramesTimeAndEndlessLoop) {
  const Clip clip = moving_clip(64, 40, 16);
  const WebpFacts facts = decoded_webp(*encode_clip(clip, VideoFormat::kWebp));
  EXPECT_EQ(facts.clip.frames.size(), 16u);
  EXPECT_EQ(facts.total_ms, 2000);
  EXPECT_EQ(facts.loops, 0u);
  const Clip mp4 = decoded(*encode_clip(clip, VideoFormat::kMp4));
  EXPECT_GT(psnr(facts.clip, clip), psnr(mp4, clip) - 3);  // the two lossy formats look alike
}

TEST(EncodeClip, SameBytesEveryTime) {
  const Clip clip = moving_clip(64, 64, 8);
  for (const VideoFormat format : {VideoFormat::kMp4, VideoFormat::kGif, VideoFormat::kWebp}) {
    EXPECT_EQ(*encode_clip(clip, format), *encode_clip(clip, format));
  }
}

TEST(EncodeClip, OneFrameAndOnePixel) {
  for (const VideoFormat format : {VideoFormat::kMp4, VideoFormat::kGif, VideoFormat::kWebp}) {
    EXPECT_TRUE(encode_clip(moving_clip(16, 16, 1), format).ok());
    EXPECT_TRUE(encode_clip(moving_clip(1, 1, 4), format).ok());
  }
}

TEST(EncodeClip, WrongClips) {
  const auto message = [](const Clip& clip) {
    const auto status = encode_clip(clip, VideoFormat::kGif).status();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    return status.message();
  };
  EXPECT_EQ(message({.frames = {}, .fps = 8}), "the clip has no frames");
  EXPECT_EQ(message({.frames = {Image()}, .fps = 8}), "the clip's frames are empty");
  EXPECT_EQ(message({.frames = {Image(2, 2), Image(2, 3)}, .fps = 8}),
            "the clip's frames differ in size");
  for (const double fps : {0.0, -1.0, 1e9, std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_NE(message({.frames = {Image(2, 2)}, .fps = fps}).find("frames a second"),
              std::string::npos);
  }
}

TEST(EncodeClip, CancelStopsIt) {
  const base::CancelToken cancel;
  cancel.cancel();
  for (const VideoFormat format : {VideoFormat::kMp4, VideoFormat::kGif, VideoFormat::kWebp}) {
    EXPECT_EQ(encode_clip(moving_clip(16, 16, 4), format, cancel).status().code(),
              StatusCode::kCancelled);
  }
}

TEST(WriteClip, FormatByExtension) {
  EXPECT_EQ(*video_format_for("x.MP4"), VideoFormat::kMp4);
  EXPECT_EQ(*video_format_for("x.gif"), VideoFormat::kGif);
  EXPECT_EQ(*video_format_for("x.webp"), VideoFormat::kWebp);
  EXPECT_EQ(write_clip("x.avi", moving_clip(8, 8, 1)).message(),
            "x.avi: cannot write '.avi' files; use one of .mp4, .gif, .webp");
}

}  // namespace
}  // namespace zoetrope::media
