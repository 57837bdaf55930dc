// Pictures that must be refused: each with one clear line, the right code, and before any harm.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "media/image.h"
#include "media/test_pictures.h"
#include "media/video.h"
#include "media/write_image.h"

namespace zoetrope::media {
namespace {

using base::Status;
using base::StatusCode;
using testing::Encoded;

Status status_of(const Encoded& bytes, const ReadOptions& options = {}) {
  return read_image(bytes, "some/rocket.png", options).status();
}

void expect_one_line(const Status& status) {
  EXPECT_TRUE(status.message().starts_with("some/rocket.png: ")) << status.message();
  EXPECT_EQ(status.message().find('\n'), std::string::npos) << status.message();
  EXPECT_LT(status.message().size(), 200u) << status.message();
}

Encoded jpeg() {
  testing::JpegSpec spec = testing::jpeg_of(testing::test_picture(40, 30));
  spec.quality = 80;
  return testing::encode_jpeg(spec);
}

Encoded progressive_jpeg() {
  testing::JpegSpec spec = testing::jpeg_of(testing::test_picture(40, 30));
  spec.progressive = true;
  return testing::encode_jpeg(spec);
}

Encoded clip(VideoFormat format) {
  Clip clip{.frames = {}, .fps = 8};
  for (int i = 0; i < 3; ++i) clip.frames.push_back(testing::test_picture(24, 20, i));
  return *encode_clip(clip, format);
}

struct Sample {
  const char* name;
  Encoded bytes;
};

std::vector<Sample> samples() {
  const Image picture = testing::test_picture(40, 30);
  return {{"PNG", *encode_image(picture, ImageFormat::kPng)},
          {"JPEG", jpeg()},
          {"progressive JPEG", progressive_jpeg()},
          {"WebP", *encode_image(picture, ImageFormat::kWebp)},
          {"animated WebP", clip(VideoFormat::kWebp)},
          {"GIF", clip(VideoFormat::kGif)}};
}

TEST(BadImage, TruncatedAnywhere) {
  ::testing::internal::CaptureStderr();
  for (const Sample& sample : samples()) {
    SCOPED_TRACE(sample.name);
    ASSERT_TRUE(status_of(sample.bytes).ok()) << status_of(sample.bytes).message();
    const size_t step = std::max<size_t>(1, sample.bytes.size() / 400);
    for (size_t size = 0;
         size<sample.bytes.size(); size += size + 40> sample.bytes.size() ? 1 : step) {
      const Status status =
          status_of({sample.bytes.begin(), sample.bytes.begin() + static_cast<ptrdiff_t>(size)});
      ASSERT_FALSE(status.ok()) << size << " of " << sample.bytes.size() << " bytes";
      ASSERT_TRUE(status.code() == StatusCode::kDataLoss ||
                  (size < 13 && status.code() == StatusCode::kInvalidArgument))
          << size << ": " << status.message();
      expect_one_line(status);
    }
  }
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");  // libraries must not talk
}

TEST(BadImage, TruncatedPngSaysSo) {
  Encoded png = *encode_image(testing::test_picture(40, 30), ImageFormat::kPng);
  png.resize(100);
  EXPECT_EQ(status_of(png).message(),
            "some/rocket.png: truncated PNG: the file ends after 100 bytes");
}

// Any byte changed: refused, or read (a flipped bit in a pixel cannot be noticed everywhere), but
// never a crash, and never noise.
TEST(BadImage, OneByteWrong) {
  ::testing::internal::CaptureStderr();
  for (const Sample& sample : samples()) {
    SCOPED_TRACE(sample.name);
    for (size_t at = 0; at < sample.bytes.size(); at += 1 + sample.bytes.size() / 300) {
      Encoded bytes = sample.bytes;
      bytes[at] ^= 0xff;
      const Status status = status_of(bytes, {.limits = {.max_pixels = 1 << 20}});
      if (!status.ok()) expect_one_line(status);
    }
  }
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

TEST(BadImage, DamagedPngPixelsAreNoticed) {
  Encoded png = *encode_image(testing::test_picture(40, 30), ImageFormat::kPng);
  png[png.size() / 2] ^= 0x10;
  const Status status = status_of(png);
  EXPECT_EQ(status.code(), StatusCode::kDataLoss);
  EXPECT_NE(status.message().find("corrupt PNG"), std::string::npos) << status.message();
}

// Headers that promise 900 megapixels; nothing of that size may be allocated or decoded.
TEST(BadImage, BombsAreRefusedByTheirHeader) {
  Encoded png = *encode_image(testing::test_picture(40, 30), ImageFormat::kPng);
  const Encoded header = {'I', 'H', 'D', 'R', 0, 0, 0x75, 0x30, 0, 0, 0x75, 0x30, 8, 2, 0, 0, 0};
  std::ranges::copy(header, png.begin() + 12);
  const Encoded crc = {0xe9, 0x45, 0x6f, 0xed};
  std::ranges::copy(crc, png.begin() + 29);

  Encoded jpeg_bomb = jpeg();
  const Encoded frame = {0xff, 0xc0, 0, 17, 8};
  const auto sof = std::ranges::search(jpeg_bomb, frame).begin();
  ASSERT_NE(sof, jpeg_bomb.end());
  sof[5] = sof[7] = 0x75;
  sof[6] = sof[8] = 0x30;

  Encoded webp = clip(VideoFormat::kWebp);  // VP8X: the canvas is at 24, 3 bytes a side, less one
  ASSERT_EQ(std::memcmp(&webp[12], "VP8X", 4), 0);
  webp[24] = webp[27] = 0xff;
  webp[25] = webp[28] = 0x3f;  // 16,384

  Encoded gif = clip(VideoFormat::kGif);
  gif[6] = gif[7] = gif[8] = gif[9] = 0x7f;  // 32,639

  for (const Encoded& bomb : {png, jpeg_bomb, webp, gif}) {
    const Status status = status_of(bomb);
    EXPECT_EQ(status.code(), StatusCode::kResourceExhausted) << status.message();
    EXPECT_NE(status.message().find("megapixels"), std::string::npos) << status.message();
    expect_one_line(status);
  }
}

TEST(BadImage, LimitsOfTheCaller) {
  const Encoded png = *encode_image(testing::test_picture(40, 30), ImageFormat::kPng);
  EXPECT_TRUE(status_of(png, {.limits = {.max_pixels = 1200, .max_side = 40}}).ok());
  EXPECT_EQ(status_of(png, {.limits = {.max_pixels = 1199}}).code(),
            StatusCode::kResourceExhausted);
  EXPECT_EQ(status_of(png, {.limits = {.max_side = 39}}).message(),
            "some/rocket.png: 40 x 30 pixels, but a side may have 39 at most");
  const testing::TemporaryFolder folder;
  testing::write_bytes(folder / "a.png", png);
  const auto size = static_cast<int64_t>(png.size());
  EXPECT_TRUE(read_image(folder / "a.png", {.limits = {.max_bytes = size}}).ok());
  EXPECT_EQ(read_image(folder / "a.png", {.limits = {.max_bytes = size - 1}}).status().code(),
            StatusCode::kResourceExhausted);
}

TEST(BadImage, JpegWithEndlessScans) {
  testing::JpegSpec spec = testing::jpeg_of(testing::test_picture(16, 16));
  spec.one_scan_per_coefficient = true;  // 190 scans, each valid
  const Status status = status_of(testing::encode_jpeg(spec));
  EXPECT_EQ(status.code(), StatusCode::kDataLoss);
  EXPECT_NE(status.message().find("more than 100 scans"), std::string::npos) << status.message();
}

TEST(BadImage, OtherKindsAreNamed) {
  const auto message = [](std::string_view text) {
    return status_of(Encoded(text.begin(), text.end())).message();
  };
  const std::string refused =
      "some/rocket.png: not a picture that can be read (PNG, JPEG, WebP or GIF)";
  EXPECT_EQ(message("hello, this is text"), refused);
  using namespace std::string_view_literals;
  EXPECT_EQ(message("\0\0\0\x18"
                    "ftypheic\0\0\0\0"sv),
            refused + "; it looks like HEIC");
  EXPECT_EQ(message("BM6\0\0\0"sv), refused + "; it looks like BMP");
  EXPECT_EQ(status_of({}).message(), "some/rocket.png: the file is empty");
}

TEST(BadImage, FilesThatCannotBeRead) {
  const testing::TemporaryFolder folder;
  const auto missing = read_image(folder / "none.png").status();
  EXPECT_EQ(missing.code(), StatusCode::kNotFound);
  EXPECT_EQ(missing.message(), (folder / "none.png").string() + ": no such file or directory");
  const auto directory = read_image(folder / "").status();
  EXPECT_EQ(directory.code(), StatusCode::kInvalidArgument);
  EXPECT_NE(directory.message().find("is a directory"), std::string::npos);
  testing::write_bytes(folder / "empty.png", {});
  const auto empty = read_image(folder / "empty.png").status();
  EXPECT_EQ(empty.code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(empty.message(), (folder / "empty.png").string() + ": the file is empty");
  EXPECT_EQ(read_image(folder / "empty.png" / "inside.png").status().code(), StatusCode::kNotFound);
  if (::geteuid() != 0) {  // root may read everything
    std::filesystem::permissions(folder / "empty.png", std::filesystem::perms::none);
    EXPECT_EQ(read_image(folder / "empty.png").status().code(), StatusCode::kPermissionDenied);
  }
}

}  // namespace
}  // namespace zoetrope::media
