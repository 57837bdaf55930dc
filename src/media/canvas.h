// Drawing on an Image: text, lines, rectangles. What lies outside the picture is cut off.
#pragma once

#include <span>
#include <string_view>

#include "media/image.h"

namespace zoetrope::media {

// Height of a line of text, and width of `text`, in pixels, for letters enlarged `scale` times.
int text_height(int scale);
int text_width(std::string_view text, int scale);

// (x, y) is the upper left corner. Characters outside ASCII show as '?'.
void draw_text(Image& image, int x, int y, std::string_view text, Rgb colour, int scale);

void fill_rectangle(Image& image, int x, int y, int width, int height, Rgb colour);

struct Point {
  double x;
  double y;
};

// Straight pieces through `points`, antialiased, with round corners and ends.
void draw_polyline(Image& image, std::span<const Point> points, double width, Rgb colour);

// Copies `from` with its upper left corner at (x, y).
void paste(Image& image, int x, int y, const Image& from);

}  // namespace zoetrope::media
