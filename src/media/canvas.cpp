#include "media/canvas.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "media/font.h"

namespace zoetrope::media {
namespace {

double distance_to_segment(Point p, Point a, Point b) {
  const double dx = b.x - a.x, dy = b.y - a.y;
  const double length = dx * dx + dy * dy;
  const double along =
      length > 0 ? std::clamp(((p.x - a.x) * dx + (p.y - a.y) * dy) / length, 0.0, 1.0) : 0;
  return std::hypot(p.x - a.x - along * dx, p.y - a.y - along * dy);
}

// One UTF-8 character may have several bytes; the font shows all but ASCII as one '?'.
bool continues_character(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

}  // namespace

int text_height(int scale) { return kGlyphHeight * scale; }

int text_width(std::string_view text, int scale) {
  const auto letters =
      text.size() - static_cast<size_t>(std::ranges::count_if(text, continues_character));
  return letters == 0 ? 0 : (static_cast<int>(letters) * kGlyphAdvance - 1) * scale;
}

void draw_text(Image& image, int x, int y, std::string_view text, Rgb colour, int scale) {
  for (const char c : text) {
    if (continues_character(c)) continue;
    int column = 0, row = 0;
    for (const char dot : glyph(c)) {
      if (dot == '|') {
        ++row;
        column = 0;
        continue;
      }
      if (dot == '#') {
        fill_rectangle(image, x + column * scale, y + row * scale, scale, scale, colour);
      }
      ++column;
    }
    x += kGlyphAdvance * scale;
  }
}

void fill_rectangle(Image& image, int x, int y, int width, int height, Rgb colour) {
  const int right = std::min(image.width, x + width), bottom = std::min(image.height, y + height);
  for (int row = std::max(0, y); row < bottom; ++row) {
    for (int column = std::max(0, x); column < right; ++column) {
      std::ranges::copy(colour, image.at(column, row));
    }
  }
}

void draw_polyline(Image& image, std::span<const Point> points, double width, Rgb colour) {
  // Ink is collected first and laid on once: pieces that overlap at a corner must not darken it.
  std::vector<float> ink(static_cast<size_t>(image.width) * image.height);
  const double reach = width / 2 + 1;
  for (size_t i = 0; i + 1 < points.size(); ++i) {
    const Point a = points[i], b = points[i + 1];
    const auto first = [reach](double p, double q) {
      return std::max(0, static_cast<int>(std::floor(std::max(-1.0, std::min(p, q) - reach))));
    };
    const auto last = [reach](double p, double q, int side) {
      return static_cast<int>(std::min<double>(side - 1, std::ceil(std::max(p, q) + reach)));
    };
    for (int y = first(a.y, b.y); y <= last(a.y, b.y, image.height); ++y) {
      for (int x = first(a.x, b.x); x <= last(a.x, b.x, image.width); ++x) {
        const double inside = width / 2 + 0.5 - distance_to_segment({x + 0.5, y + 0.5}, a, b);
        float& here = ink[static_cast<size_t>(y) * image.width + x];
        here = std::max(here, static_cast<float>(std::clamp(inside, 0.0, 1.0)));
      }
    }
  }
  for (size_t i = 0; i < ink.size(); ++i) {
    for (size_t c = 0; c < 3; ++c) {
      uint8_t& value = image.rgb[3 * i + c];
      value = static_cast<uint8_t>(std::lround(value + ink[i] * (colour[c] - value)));
    }
  }
}

void paste(Image& image, int x, int y, const Image& from) {
  const int left = std::max(0, -x), right = std::min(from.width, image.width - x);
  for (int row = std::max(0, -y); row < std::min(from.height, image.height - y); ++row) {
    if (left < right)
      std::copy(from.at(left, row), from.at(left, row) + 3 * (right - left),
                image.at(x + left, y + row));
  }
}

}  // namespace zoetrope::media
