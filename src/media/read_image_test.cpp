// Pictures of every kind people have, read into the pixels they should become.
#include <gtest/gtest.h>

#include "media/exif.h"
#include "media/image.h"
#include "media/test_pictures.h"
#include "media/video.h"
#include "media/write_image.h"

namespace zoetrope::media {
namespace {

using testing::Encoded;

ReadImage read(const Encoded& bytes, const ReadOptions& options = {}) {
  auto result = read_image(bytes, "picture", options);
  EXPECT_TRUE(result.ok()) << result.status().message();
  return result.ok() ? std::move(result).value() : ReadImage();
}

Rgb colour_at(const Image& image, int x, int y) {
  const uint8_t* p = image.at(x, y);
  return {p[0], p[1], p[2]};
}

TEST(ReadPng, EightBitRgbIsExact) {
  const Image picture = testing::test_picture(37, 23);
  const ReadImage out = read(testing::encode_png(testing::png_of(picture)));
  EXPECT_EQ(out.image, picture);
  EXPECT_EQ(out.format, "PNG");
  EXPECT_FALSE(out.had_alpha);
  EXPECT_EQ(out.frames, 1);
}

TEST(ReadPng, InterlacedEqualsPlain) {
  testing::PngSpec spec = testing::png_of(testing::test_picture(37, 23));
  spec.interlaced = true;
  EXPECT_EQ(read(testing::encode_png(spec)).image, testing::test_picture(37, 23));
}

TEST(ReadPng, GreyOfEveryDepth) {
  struct Case {
    int depth;
    Encoded row;                   // two pixels
    std::array<uint8_t, 2> value;  // what they are in 8 bits
  };
  // 16 bits round to the nearest: 0x7f80 = 32640 is 127.003 in 8 bits, 0x807f is 127.996.
  const Case cases[] = {{1, {0b01000000}, {0, 255}},
                        {2, {0b01100000}, {85, 170}},
                        {4, {0x3c}, {51, 204}},
                        {8, {7, 250}, {7, 250}},
                        {16, {0x7f, 0x80, 0x80, 0x7f}, {127, 128}}};
  for (const Case& c : cases) {
    const ReadImage out = read(testing::encode_png(
        {.width = 2, .height = 1, .bit_depth = c.depth, .colour_type = 0, .rows = {c.row}}));
    for (int x = 0; x < 2; ++x) {
      const uint8_t v = c.value[static_cast<size_t>(x)];
      EXPECT_EQ(colour_at(out.image, x, 0), (Rgb{v, v, v})) << c.depth << " bits, pixel " << x;
    }
  }
}

TEST(ReadPng, SixteenBitColourAndAlpha) {
  // Pixels: opaque; half transparent; fully transparent (its colour must not show).
  const Encoded row = {0xff, 0xff, 0x80, 0x80, 0x00, 0x00, 0xff, 0xff,   //
                       0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0x80, 0x80,   //
                       0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0x00, 0x00};  //
  const Encoded png = testing::encode_png(
      {.width = 3, .height = 1, .bit_depth = 16, .colour_type = 6, .rows = {row}});
  const ReadImage on_white = read(png);
  EXPECT_TRUE(on_white.had_alpha);
  EXPECT_EQ(colour_at(on_white.image, 0, 0), (Rgb{255, 128, 0}));
  EXPECT_EQ(colour_at(on_white.image, 1, 0), (Rgb{255, 127, 127}));
  EXPECT_EQ(colour_at(on_white.image, 2, 0), kWhite);
  const ReadImage on_blue = read(png, {.background = {0, 0, 200}});
  EXPECT_EQ(colour_at(on_blue.image, 0, 0), (Rgb{255, 128, 0}));
  EXPECT_EQ(colour_at(on_blue.image, 1, 0), (Rgb{128, 0, 100}));
  EXPECT_EQ(colour_at(on_blue.image, 2, 0), (Rgb{0, 0, 200}));
}

TEST(ReadPng, GreyWithAlpha) {
  const ReadImage out = read(testing::encode_png(
      {.width = 2, .height = 1, .colour_type = 4, .rows = {{100, 255, 100, 0}}}));
  EXPECT_TRUE(out.had_alpha);
  EXPECT_EQ(colour_at(out.image, 0, 0), (Rgb{100, 100, 100}));
  EXPECT_EQ(colour_at(out.image, 1, 0), kWhite);
}

TEST(ReadPng, PaletteWithTransparentEntry) {
  const ReadImage out =
      read(testing::encode_png({.width = 4,
                                .height = 1,
                                .bit_depth = 2,
                                .colour_type = 3,
                                .rows = {{0b00011011}},
                                .palette = {{1, 2, 3}, {9, 9, 9}, {4, 5, 6}, {7, 8, 9}},
                                .alpha = {255, 0}}));
  EXPECT_TRUE(out.had_alpha);
  EXPECT_EQ(colour_at(out.image, 0, 0), (Rgb{1, 2, 3}));
  EXPECT_EQ(colour_at(out.image, 1, 0), kWhite);
  EXPECT_EQ(colour_at(out.image, 2, 0), (Rgb{4, 5, 6}));
  EXPECT_EQ(colour_at(out.image, 3, 0), (Rgb{7, 8, 9}));
}

TEST(ReadPng, AlphaThatIsOpaqueEverywhereIsNoAlpha) {
  EXPECT_FALSE(read(testing::encode_png({.colour_type = 6, .rows = {{1, 2, 3, 255}}})).had_alpha);
}

TEST(ReadJpeg, ProgressiveEqualsBaseline) {
  testing::JpegSpec spec = testing::jpeg_of(testing::test_picture(70, 50));
  spec.quality = 85;
  const Image baseline = read(testing::encode_jpeg(spec)).image;
  spec.progressive = true;
  EXPECT_EQ(read(testing::encode_jpeg(spec)).image, baseline);  // the same coefficients
}

TEST(ReadJpeg, Greyscale) {
  const Encoded samples(16 * 16, 77);
  const ReadImage out = read(testing::encode_jpeg({.width = 16,
                                                   .height = 16,
                                                   .components = 1,
                                                   .in_colour = 1,
                                                   .file_colour = 1,
                                                   .samples = samples}));
  EXPECT_EQ(out.format, "JPEG");
  EXPECT_EQ(out.image, Image(16, 16, {77, 77, 77}));
}

// CMYK in both conventions, and YCCK, which only Adobe writes. Ink 20 % cyan, 60 % magenta, 0 %
// yellow, 25 % black.
TEST(ReadJpeg, CmykAndYcck) {
  constexpr int kCmyk = 4, kYcck = 5;
  const std::array<uint8_t, 4> ink = {51, 153, 0, 64};
  const Rgb expected = {153, 76, 191};  // (255 - ink) * (255 - black) / 255
  for (const int file_colour : {kCmyk, kYcck}) {
    for (const bool adobe : {false, true}) {
      if (file_colour == kYcck && !adobe) continue;
      Encoded samples;
      for (int i = 0; i < 4 * 16 * 16; ++i) {
        const uint8_t v = ink[static_cast<size_t>(i % 4)];
        samples.push_back(adobe ? 255 - v : v);
      }
      const ReadImage out = read(testing::encode_jpeg({.width = 16,
                                                       .height = 16,
                                                       .components = 4,
                                                       .in_colour = kCmyk,
                                                       .file_colour = file_colour,
                                                       .samples = samples,
                                                       .adobe_marker = adobe}));
      EXPECT_LE(testing::largest_difference(out.image, Image(16, 16, expected)), 2)
          << "colour space " << file_colour << ", Adobe " << adobe;
    }
  }
}

TEST(ReadWebp, LosslessWithAlpha) {
  const Encoded rgba = {10, 20, 30, 255, 40, 50, 60, 0};
  const ReadImage out = read(testing::encode_webp(2, 1, rgba));
  EXPECT_EQ(out.format, "WebP");
  EXPECT_TRUE(out.had_alpha);
  EXPECT_EQ(colour_at(out.image, 0, 0), (Rgb{10, 20, 30}));
  EXPECT_EQ(colour_at(out.image, 1, 0), kWhite);
}

// --- Orientation -------------------------------------------------------------------------------

enum Side { kTop, kBottom, kLeft, kRight };

// EXIF 2.3, table of tag 274: the visual side of the stored row 0 and column 0.
struct Orientation {
  int value;
  Side row0;
  Side column0;
};
constexpr Orientation kOrientations[] = {
    {1, kTop, kLeft}, {2, kTop, kRight}, {3, kBottom, kRight}, {4, kBottom, kLeft},
    {5, kLeft, kTop}, {6, kRight, kTop}, {7, kRight, kBottom}, {8, kLeft, kBottom}};

// What a camera held that way stores of the upright `scene`.
Image stored(const Image& scene, const Orientation& o) {
  const bool transposed = o.row0 == kLeft || o.row0 == kRight;
  Image out(transposed ? scene.height : scene.width, transposed ? scene.width : scene.height);
  for (int row = 0; row < out.height; ++row) {
    for (int column = 0; column < out.width; ++column) {
      int x = 0, y = 0;
      const auto place = [&](Side side, int distance) {
        if (side == kTop) y = distance;
        if (side == kBottom) y = scene.height - 1 - distance;
        if (side == kLeft) x = distance;
        if (side == kRight) x = scene.width - 1 - distance;
      };
      place(o.row0, row);
      place(o.column0, column);
      std::copy_n(scene.at(x, y), 3, out.at(column, row));
    }
  }
  return out;
}

TEST(Orientation, AllEightInPngJpegAndWebp) {
  const Image scene = testing::coloured_cells(3, 2, 8);
  for (const Orientation& o : kOrientations) {
    SCOPED_TRACE(o.value);
    const Image turned = stored(scene, o);
    for (const bool big_endian : {false, true}) {
      testing::PngSpec png = testing::png_of(turned);
      png.exif = testing::exif_block(o.value, big_endian, false);
      EXPECT_EQ(read(testing::encode_png(png)).image, scene);

      testing::JpegSpec jpeg = testing::jpeg_of(turned);
      jpeg.exif = testing::exif_block(o.value, big_endian, true);
      // Cells are 8 x 8 blocks of one colour, so that only rounding is lost.
      EXPECT_LE(testing::largest_difference(read(testing::encode_jpeg(jpeg)).image, scene), 3);

      for (const bool prefix : {false, true}) {
        const Encoded webp = *encode_image(turned, ImageFormat::kWebp);
        EXPECT_EQ(
            read(testing::with_webp_exif(webp, testing::exif_block(o.value, big_endian, prefix)))
                .image,
            scene);
      }
    }
  }
}

TEST(Orientation, MalformedExifLeavesThePictureAsItIs) {
  EXPECT_EQ(exif_orientation(testing::exif_block(6, true, true)), 6);
  EXPECT_EQ(exif_orientation({}), 1);
  for (const int value : {0, 9, 65535}) {
    EXPECT_EQ(exif_orientation(testing::exif_block(value, false, false)), 1) << value;
  }
  Encoded far = testing::exif_block(6, false, false);
  far[4] = far[5] = far[6] = far[7] = 0xff;  // the directory lies far outside
  EXPECT_EQ(exif_orientation(far), 1);
  Encoded many = testing::exif_block(1, false, false);
  many[8] = many[9] = 0xff;  // 65,535 entries
  many[8 + 2 + 12] = 0x13;   // and no orientation among them
  EXPECT_EQ(exif_orientation(many), 1);
  const Encoded whole = testing::exif_block(6, false, true);
  for (size_t size = 0; size < whole.size(); ++size) {
    const int value = exif_orientation({whole.data(), size});
    EXPECT_TRUE(value == 1 || value == 6) << size;
  }
}

// --- Animated pictures -------------------------------------------------------------------------

TEST(ReadAnimated, FirstFrameAndCountOfGifAndWebp) {
  Clip clip{.frames = {}, .fps = 8};
  for (int i = 0; i < 5; ++i) clip.frames.push_back(testing::test_picture(40, 32, i));
  for (const VideoFormat format : {VideoFormat::kGif, VideoFormat::kWebp}) {
    const ReadImage out = read(*encode_clip(clip, format));
    EXPECT_EQ(out.frames, 5);
    EXPECT_EQ(out.format, format == VideoFormat::kGif ? "GIF" : "WebP");
    const double to_first = testing::psnr(out.image, clip.frames[0]);
    for (size_t i = 1; i < 5; ++i) {
      EXPECT_GT(to_first, testing::psnr(out.image, clip.frames[i]) + 10) << out.format << " " << i;
    }
  }
}

TEST(ReadAnimated, ApngSaysHowManyFrames) {
  const Image picture = testing::test_picture(9, 9);
  const Encoded apng = testing::with_png_chunk(testing::encode_png(testing::png_of(picture)),
                                               "acTL", {0, 0, 0, 12, 0, 0, 0, 0});
  const ReadImage out = read(apng);
  EXPECT_EQ(out.frames, 12);
  EXPECT_EQ(out.image, picture);
}

TEST(ReadGif, TransparentPixelsTakeTheBackground) {
  // 2 x 1 pixels, palette {(255, 0, 0), (0, 0, 255)}, index 1 transparent; codes 0, 1, end.
  const Encoded gif = {'G', 'I', 'F', '8', '9',  'a',  2, 0, 1, 0,    0x80, 0, 0,    255, 0,
                       0,   0,   0,   255, 0x21, 0xf9, 4, 1, 0, 0,    1,    0, 0x2c, 0,   0,
                       0,   0,   2,   0,   1,    0,    0, 2, 2, 0x44, 0x0a, 0, 0x3b};
  const ReadImage out = read(gif, {.background = {1, 2, 3}});
  EXPECT_TRUE(out.had_alpha);
  EXPECT_EQ(colour_at(out.image, 0, 0), (Rgb{255, 0, 0}));
  EXPECT_EQ(colour_at(out.image, 1, 0), (Rgb{1, 2, 3}));
}

TEST(ReadImageFile, TypeComesFromTheContent) {
  const testing::TemporaryFolder folder;
  const Image picture = testing::test_picture(8, 8);
  testing::write_bytes(folder / "wrong.jpg", *encode_image(picture, ImageFormat::kPng));
  const auto out = read_image(folder / "wrong.jpg");
  ASSERT_TRUE(out.ok()) << out.status().message();
  EXPECT_EQ(out->format, "PNG");
  EXPECT_EQ(out->image, picture);
}

}  // namespace
}  // namespace zoetrope::media
