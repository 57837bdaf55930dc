#include "media/resize.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/status.h"
#include "media/test_pictures.h"

namespace zoetrope::media {
namespace {

Image mirrored(const Image& image) {
  Image out = image;
  for (int y = 0; y < image.height; ++y) {
    for (int x = 0; x < image.width; ++x) {
      std::copy_n(image.at(image.width - 1 - x, y), 3, out.at(x, y));
    }
  }
  return out;
}

Image transposed(const Image& image) {
  Image out(image.height, image.width);
  for (int y = 0; y < out.height; ++y) {
    for (int x = 0; x < out.width; ++x) std::copy_n(image.at(y, x), 3, out.at(x, y));
  }
  return out;
}

Image noise(int width, int height, uint32_t seed) {
  Image image(width, height);
  for (uint8_t& v : image.rgb) {
    seed = seed * 1664525u + 1013904223u;
    v = static_cast<uint8_t>(seed >> 24);
  }
  return image;
}

// The definition, in double: every output pixel from all input pixels, no separation.
double reference(const Image& image, int width, int height, int x, int y, int channel) {
  const auto weight = [](double distance, double scale) {
    const double d = std::abs(distance) / std::max(scale, 1.0);
    if (scale > 1) {
      const auto sinc = [](double t) {
        t *= std::numbers::pi;
        return t == 0 ? 1 : std::sin(t) / t;
      };
      return d < 3 ? sinc(d) * sinc(d / 3) : 0;
    }
    if (d < 1) return 1.5 * d * d * d - 2.5 * d * d + 1;
    if (d < 2) return -0.5 * d * d * d + 2.5 * d * d - 4 * d + 2;
    return 0.0;
  };
  const double sx = static_cast<double>(image.width) / width;
  const double sy = static_cast<double>(image.height) / height;
  double sum = 0, total = 0;
  for (int j = 0; j < image.height; ++j) {
    for (int i = 0; i < image.width; ++i) {
      const double w = weight(i + 0.5 - (x + 0.5) * sx, sx) * weight(j + 0.5 - (y + 0.5) * sy, sy);
      sum += w * image.at(i, j)[channel];
      total += w;
    }
  }
  return std::clamp(sum / total, 0.0, 255.0);
}

TEST(Resize, MatchesItsDefinition) {
  const Image image = noise(23, 17, 1);
  for (const auto& [width, height] : {std::pair{7, 5}, {46, 51}, {23, 4}, {9, 40}, {1, 1}}) {
    const Image out = resize(image, width, height);
    ASSERT_EQ(out.width, width);
    ASSERT_EQ(out.height, height);
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x) {
        for (int c = 0; c < 3; ++c) {
          ASSERT_NEAR(out.at(x, y)[c], reference(image, width, height, x, y, c), 0.51)
              << width << " x " << height << " at " << x << ", " << y;
        }
      }
    }
  }
}

TEST(Resize, SameSizeIsTheSamePicture) {
  const Image image = noise(11, 13, 2);
  EXPECT_EQ(resize(image, 11, 13), image);
}

TEST(Resize, FlatStaysFlat) {
  const Image flat(13, 7, {3, 128, 255});
  for (const int side : {1, 2, 5, 13, 64, 200}) {
    EXPECT_EQ(resize(flat, side, side), Image(side, side, {3, 128, 255})) << side;
  }
}

TEST(Resize, CommutesWithMirrorAndTranspose) {  // a shift by half a pixel would not
  const Image image = noise(31, 20, 3);
  for (const auto& [width, height] : {std::pair{10, 9}, {64, 50}}) {
    const Image out = resize(image, width, height);
    EXPECT_LE(testing::largest_difference(resize(mirrored(image), width, height), mirrored(out)),
              1);
    EXPECT_LE(
        testing::largest_difference(resize(transposed(image), height, width), transposed(out)), 1);
  }
}

TEST(Resize, FineCheckerboardBecomesGrey) {  // no moire
  Image board(96, 96);
  for (int y = 0; y < 96; ++y) {
    for (int x = 0; x < 96; ++x) std::fill_n(board.at(x, y), 3, (x + y) % 2 ? 255 : 0);
  }
  const Image out = resize(board, 17, 17);
  const auto [low, high] = std::ranges::minmax(out.rgb);
  EXPECT_GE(low, 120);
  EXPECT_LE(high, 135);
}

TEST(Resize, RefusesEmptySizes) {
  EXPECT_THROW(resize(Image(), 3, 3), base::Error);
  EXPECT_THROW(resize(Image(3, 3), 0, 3), base::Error);
}

TEST(FitTo, KeepsShapeCentresAndPads) {
  struct Case {
    int width, height;
    Placement where;
  };
  for (const Case& c : {Case{300, 200, {0, 21, 128, 85}}, Case{10, 40, {48, 0, 32, 128}},
                        Case{128, 128, {0, 0, 128, 128}}, Case{1, 1, {0, 0, 128, 128}},
                        Case{5000, 2, {0, 63, 128, 1}}}) {
    const Image image = noise(c.width, c.height, 4);
    const Rgb background = {10, 200, 30};
    const Fitted fitted = fit_to(image, 128, 128, background);
    EXPECT_EQ(fitted.placement, c.where) << c.width << " x " << c.height;
    EXPECT_EQ(fitted.image.width, 128);
    EXPECT_EQ(fitted.image.height, 128);
    EXPECT_EQ(crop(fitted.image, fitted.placement), resize(image, c.where.width, c.where.height));
    for (int y = 0; y < 128; ++y) {
      for (int x = 0; x < 128; ++x) {
        const bool inside = x >= c.where.x && x < c.where.x + c.where.width && y >= c.where.y &&
                            y < c.where.y + c.where.height;
        const bool padding =
            std::equal(background.begin(), background.end(), fitted.image.at(x, y));
        ASSERT_TRUE(inside || padding) << x << ", " << y;
      }
    }
  }
}

TEST(Crop, RefusesWhatLiesOutside) {
  EXPECT_THROW(crop(Image(4, 4), {1, 0, 4, 4}), base::Error);
  EXPECT_THROW(crop(Image(4, 4), {-1, 0, 2, 2}), base::Error);
  EXPECT_THROW(crop(Image(4, 4), {0, 0, 0, 2}), base::Error);
}

TEST(BorderColour, IsTheBackgroundBehindAnObjectThatTouchesTheBorder) {
  Image image(60, 60, {250, 251, 249});
  for (int y = 20; y < 60; ++y) {
    for (int x = 15; x < 45; ++x) {
      image.at(x, y)[0] = 200, image.at(x, y)[1] = 0, image.at(x, y)[2] = 0;
    }
  }
  EXPECT_EQ(border_colour(image), (Rgb{250, 251, 249}));
}

TEST(BorderColour, SeesThroughNoiseAcrossHistogramCells) {
  Image image = noise(80, 80, 5);
  for (uint8_t& v : image.rgb) v = static_cast<uint8_t>(125 + v % 7);  // 128 is a cell's edge
  const Rgb colour = border_colour(image);
  for (const uint8_t c : colour) EXPECT_NEAR(c, 128, 1);
}

TEST(BorderColour, MedianWhereNoColourPrevails) {
  Image ramp(256, 256);
  for (int y = 0; y < 256; ++y) {
    for (int x = 0; x < 256; ++x) std::fill_n(ramp.at(x, y), 3, (x + y) / 2);
  }
  EXPECT_NEAR(border_colour(ramp)[0], 128, 1);
  EXPECT_EQ(border_colour(Image(1, 1, {9, 8, 7})), (Rgb{9, 8, 7}));
}

}  // namespace
}  // namespace zoetrope::media
