// Text, lines, contact sheets and plots.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <string>

#include "base/status.h"
#include "media/canvas.h"
#include "media/contact_sheet.h"
#include "media/font.h"
#include "media/plot.h"
#include "media/test_pictures.h"

namespace zoetrope::media {
namespace {

constexpr Rgb kBlack = {0, 0, 0};

int ink(const Image& image) {
  int count = 0;
  for (size_t i = 0; i < image.rgb.size(); i += 3) count += image.rgb[i] < 128;
  return count;
}

TEST(Font, EveryLetterIsThereFitsAndDiffers) {
  std::set<std::string_view> seen;
  for (char c = '!'; c <= '~'; ++c) {
    const std::string_view letter = glyph(c);
    EXPECT_TRUE(seen.insert(letter).second) << c;
    EXPECT_NE(letter.find('#'), std::string_view::npos) << c;
    EXPECT_EQ(letter.size() % (kGlyphWidth + 1), static_cast<size_t>(kGlyphWidth)) << c;
    EXPECT_LE((letter.size() + 1) / (kGlyphWidth + 1), static_cast<size_t>(kGlyphHeight)) << c;
  }
}

TEST(DrawText, StaysInsideItsBox) {
  const std::string text = "Agjpqy|{}";
  for (const int scale : {1, 3}) {
    Image image(100 * scale, 20 * scale);
    draw_text(image, 5, 4, text, kBlack, scale);
    Image box = image;
    fill_rectangle(box, 5, 4, text_width(text, scale), text_height(scale), kWhite);
    EXPECT_GT(ink(image), 0);
    EXPECT_EQ(ink(box), 0);
  }
}

TEST(DrawText, UnknownCharactersShowAsOneQuestionMark) {
  Image question(40, 12), other(40, 12);
  draw_text(question, 0, 0, "a?b", kBlack, 1);
  draw_text(other, 0, 0,
            "a\xf0\x9f\x9a\x80"
            "b",
            kBlack, 1);
  EXPECT_EQ(question, other);
  EXPECT_EQ(text_width("a?b", 2), text_width("a\xf0\x9f\x9a\x80"
                                             "b",
                                             2));
}

TEST(Draw, WhatLiesOutsideIsCutOff) {
  Image image(10, 10);
  draw_text(image, -7, -3, "MMMM", kBlack, 2);
  draw_text(image, 5, 8, "MMMM", kBlack, 2);
  fill_rectangle(image, -5, 8, 100, 100, kBlack);
  fill_rectangle(image, 20, 20, 5, 5, kBlack);
  paste(image, -3, -3, Image(5, 5, kBlack));
  paste(image, 8, 8, Image(5, 5, kBlack));
  paste(image, 30, -30, Image(5, 5, kBlack));
  const Point far[] = {{-1e9, -1e9}, {1e9, 1e9}};
  draw_polyline(image, far, 1, kBlack);
  EXPECT_GT(ink(image), 0);
}

TEST(Polyline, CarriesItsWidthInInkAtAnyAngle) {
  for (const double angle : {0.0, 0.3, 0.785, 1.571}) {
    Image image(100, 100);
    const Point line[] = {{50 - 40 * std::cos(angle), 50 - 40 * std::sin(angle)},
                          {50 + 40 * std::cos(angle), 50 + 40 * std::sin(angle)}};
    draw_polyline(image, line, 3, kBlack);
    double area = 0;
    for (size_t i = 0; i < image.rgb.size(); i += 3) area += (255 - image.rgb[i]) / 255.0;
    EXPECT_NEAR(area, 80 * 3 + std::acos(-1.0) * 1.5 * 1.5, 6) << angle;  // and two half discs
  }
}

TEST(Polyline, CornersAreNoDarkerThanTheLine) {
  Image image(40, 40);
  const Point corner[] = {{5, 20.2}, {20, 20.2}, {35, 20.2}};
  draw_polyline(image, corner, 1, {100, 100, 100});
  Image straight(40, 40);
  const Point line[] = {{5, 20.2}, {35, 20.2}};
  draw_polyline(straight, line, 1, {100, 100, 100});
  EXPECT_EQ(image, straight);
}

TEST(ContactSheet, FramesLieOnAGridUnderTheirLabels) {
  const Image red(10, 8, {255, 0, 0}), blue(10, 8, {0, 0, 255});
  const SheetRow rows[] = {{"one", {red, blue, red}}, {"two", {blue}}};
  const Image sheet = contact_sheet(rows);
  int reds = 0, blues = 0;
  for (size_t i = 0; i < sheet.rgb.size(); i += 3) {
    reds += sheet.rgb[i] == 255 && sheet.rgb[i + 1] == 0;
    blues += sheet.rgb[i + 2] == 255 && sheet.rgb[i + 1] == 0;
  }
  EXPECT_EQ(reds, 2 * 80);  // nothing covers a frame
  EXPECT_EQ(blues, 2 * 80);
  EXPECT_GT(ink(sheet) - blues, 10);  // the labels
  EXPECT_TRUE(contact_sheet({}).empty());
}

TEST(Ticks, AreRoundAndInside) {
  EXPECT_EQ(ticks(0, 1, 5), (std::vector<double>{0, 0.2, 0.4, 0.6000000000000001, 0.8, 1}));
  EXPECT_EQ(ticks(-7, 12, 4), (std::vector<double>{-5, 0, 5, 10}));
  for (const double tick : ticks(1234, 98765, 6)) {
    EXPECT_EQ(std::fmod(tick, 20000), 0);
    EXPECT_GE(tick, 1234);
    EXPECT_LE(tick, 98765);
  }
}

int pixels_of(const Image& image, Rgb colour) {
  int count = 0;
  for (size_t i = 0; i < image.rgb.size(); i += 3) {
    count +=
        std::equal(colour.begin(), colour.end(), image.rgb.begin() + static_cast<ptrdiff_t>(i));
  }
  return count;
}

TEST(Plot, ShowsCurvesAndLeavesGaps) {
  Series whole{"", {}, {}};
  for (int i = 0; i < 100; ++i) {
    whole.x.push_back(i);
    whole.y.push_back(std::exp(-i / 30.0));
  }
  Series gap = whole;
  for (size_t i = 30; i < 60; ++i) gap.y[i] = std::numeric_limits<double>::quiet_NaN();
  const Rgb first = {31, 105, 180};
  const Image with_all = plot(std::vector{whole}), with_gap = plot(std::vector{gap});
  EXPECT_EQ(with_all.width, 960);
  EXPECT_EQ(with_all.height, 540);
  EXPECT_GT(pixels_of(with_all, first), 500);
  EXPECT_LT(pixels_of(with_gap, first), pixels_of(with_all, first) * 8 / 10);
}

// An exponential is a straight line on logarithmic axes: its middle lies halfway down.
TEST(Plot, LogarithmicAxis) {
  const Series line{"", {0, 1, 2}, {1, 0.01, 0.0001}};
  Series broken = line;
  broken.y[1] = 0;  // has no logarithm
  const PlotOptions options{.log_y = true};
  const Series straight{"", {0, 2}, {1, 0.0001}};
  EXPECT_LE(testing::largest_difference(plot(std::vector{line}, options),
                                        plot(std::vector{straight}, options)),
            1);
  EXPECT_NO_THROW(plot(std::vector{broken}, options));
}

TEST(Plot, LevelsAndALegendBelow) {
  const Series line{"a curve", {0, 1}, {1, 2}};
  const Rgb grey = {130, 130, 130}, first = {31, 105, 180};
  const PlotOptions options{.levels = {{"limit", 8}}, .legend = LegendPlace::kBelow};
  const Image with = plot(std::vector{line}, options);
  EXPECT_EQ(pixels_of(plot(std::vector{line}), grey), 0);
  EXPECT_GT(pixels_of(with, grey), 500);
  // The legend's sample lies under the axis, and the axis reaches the level.
  const auto in_rows = [&](int from, int to) {
    int found = 0;
    for (int y = from; y < to; ++y) {
      for (int x = 0; x < with.width; ++x) {
        found += std::equal(first.begin(), first.end(), with.at(x, y)) ? 1 : 0;
      }
    }
    return found;
  };
  EXPECT_GT(in_rows(with.height - 40, with.height), 20);
  EXPECT_EQ(in_rows(0, with.height / 2), 0);
}

TEST(Plot, StrangeData) {
  const double huge = 1e300, none = std::numeric_limits<double>::infinity();
  for (const Series& s :
       {Series{"empty", {}, {}}, Series{"point", {3}, {4}}, Series{"flat", {1, 2}, {0, 0}},
        Series{"nothing finite", {1, 2}, {none, -none}}, Series{"huge", {-huge, huge}, {0, huge}},
        Series{std::string(300, 'w'), {0, 1}, {1, 2}}}) {
    for (const bool log_y : {false, true}) {
      const Image image = plot(std::vector{s}, {.title = "t", .x_label = "x", .log_y = log_y});
      EXPECT_EQ(image.width, 960) << s.name;
    }
  }
  EXPECT_THROW(plot(std::vector{Series{"", {1}, {}}}), base::Error);
}

}  // namespace
}  // namespace zoetrope::media
