#include "media/write_image.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>

#include <jpeglib.h>

#include "media/test_pictures.h"

namespace zoetrope::media {
namespace {

using base::StatusCode;

Image decoded(const std::vector<uint8_t>& bytes) {
  auto out = read_image(bytes, "picture");
  EXPECT_TRUE(out.ok()) << out.status().message();
  return out.ok() ? std::move(out->image) : Image();
}

TEST(WriteImage, PngAndWebpKeepEveryPixel) {
  for (const auto& [width, height] : {std::pair{1, 1}, {3, 200}, {61, 47}}) {
    const Image picture = testing::test_picture(width, height);
    EXPECT_EQ(decoded(*encode_image(picture, ImageFormat::kPng)), picture);
    EXPECT_EQ(decoded(*encode_image(picture, ImageFormat::kWebp)), picture);
  }
}

TEST(WriteImage, AQuickPngKeepsEveryPixelToo) {
  const Image picture = testing::test_picture(61, 47);
  EXPECT_EQ(decoded(*encode_png_quickly(picture)), picture);
  EXPECT_FALSE(encode_png_quickly(Image()).ok());
}

TEST(WriteImage, LessQualityMakesSmallerFilesAndLargerErrors) {
  const Image picture = testing::test_picture(120, 90);
  for (const ImageFormat format : {ImageFormat::kJpeg, ImageFormat::kWebp}) {
    const auto fine = *encode_image(picture, format, 95);
    const auto coarse = *encode_image(picture, format, 30);
    EXPECT_LT(coarse.size(), fine.size());
    EXPECT_LT(testing::psnr(decoded(coarse), picture), testing::psnr(decoded(fine), picture));
    EXPECT_NE(decoded(fine), picture) << "lossy";
  }
}

// What quantisation alone may cost: an error uniform over each step has mean square step^2 / 12,
// carried from YCbCr to RGB, plus the rounding of the samples on both ways.
double jpeg_noise(const std::vector<uint8_t>& bytes) {
  jpeg_decompress_struct jpeg = {};
  jpeg_error_mgr errors = {};
  jpeg.err = jpeg_std_error(&errors);
  jpeg_create_decompress(&jpeg);
  jpeg_mem_src(&jpeg, bytes.data(), bytes.size());
  jpeg_read_header(&jpeg, TRUE);
  double noise[2] = {};
  for (int table = 0; table < 2; ++table) {
    for (const UINT16 step : jpeg.quant_tbl_ptrs[table]->quantval) {
      noise[table] += step * step / 12.0 / 64 + 1.0 / 12 / 64;
    }
  }
  jpeg_destroy_decompress(&jpeg);
  const double gain = (1.402 * 1.402 + 1.772 * 1.772 + 0.344 * 0.344 + 0.714 * 0.714) / 3;
  return noise[0] + gain * noise[1] + 1.0 / 12;
}

TEST(WriteImage, JpegLosesNoMoreThanItsQuantisation) {
  const Image picture = testing::test_picture(120, 90);
  const auto bytes = *encode_image(picture, ImageFormat::kJpeg);
  const double bound = 10 * std::log10(65025 / jpeg_noise(bytes));
  EXPECT_GT(testing::psnr(decoded(bytes), picture), bound);
}

TEST(WriteImage, FormatByExtension) {
  EXPECT_EQ(*image_format_for("a/b.PNG"), ImageFormat::kPng);
  EXPECT_EQ(*image_format_for("b.jpeg"), ImageFormat::kJpeg);
  EXPECT_EQ(*image_format_for("b.Jpg"), ImageFormat::kJpeg);
  EXPECT_EQ(*image_format_for("b.tar.webp"), ImageFormat::kWebp);
  EXPECT_EQ(image_format_for("b.bmp").status().message(),
            "b.bmp: cannot write '.bmp' files; use one of .png, .jpg, .jpeg, .webp");
  EXPECT_EQ(image_format_for("b").status().message(),
            "b: the name has no extension; use one of .png, .jpg, .jpeg, .webp");
}

TEST(WriteImage, PicturesThatFormatsCannotHold) {
  const Image wide(70000, 1);
  EXPECT_TRUE(encode_image(wide, ImageFormat::kPng).ok());
  EXPECT_EQ(encode_image(wide, ImageFormat::kJpeg).status().message(),
            "JPEG can hold pictures of 65500 x 65500 pixels at most");
  EXPECT_EQ(encode_image(wide, ImageFormat::kWebp).status().message(),
            "WebP can hold pictures of 16383 x 16383 pixels at most");
  EXPECT_EQ(encode_image(Image(), ImageFormat::kPng).status().code(), StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace zoetrope::media
