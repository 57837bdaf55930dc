#include "media/yuv.h"

#include <algorithm>
#include <cmath>

namespace zoetrope::media {
namespace {

constexpr double kRed = 0.2126, kGreen = 0.7152, kBlue = 0.0722;

struct Colour {
  double r = 0, g = 0, b = 0;  // 0..255

  double luma() const { return kRed * r + kGreen * g + kBlue * b; }
};

uint8_t rounded(double value) { return static_cast<uint8_t>(std::lround(value)); }

// The picture at (x, y), its edges repeated outwards.
Colour pixel(const Image& image, int x, int y) {
  const uint8_t* p =
      image.at(std::clamp(x, 0, image.width - 1), std::clamp(y, 0, image.height - 1));
  return {static_cast<double>(p[0]), static_cast<double>(p[1]), static_cast<double>(p[2])};
}

// What the chroma sample of the 2x2 block at (x, y) sees: 1 2 1 around its left column, both rows.
Colour around(const Image& image, int x, int y) {
  Colour sum;
  for (int row = 0; row < 2; ++row) {
    for (int column = -1; column <= 1; ++column) {
      const double weight = (column == 0 ? 2 : 1) / 8.0;
      const Colour c = pixel(image, x + column, y + row);
      sum.r += weight * c.r;
      sum.g += weight * c.g;
      sum.b += weight * c.b;
    }
  }
  return sum;
}

}  // namespace

void to_yuv420(const Image& image, const YuvPlanes& planes) {
  const int width = image.width + image.width % 2;
  const int height = image.height + image.height % 2;
  for (int y = 0; y < height; ++y) {
    uint8_t* row = planes.y + static_cast<ptrdiff_t>(planes.y_stride) * y;
    for (int x = 0; x < width; ++x) {
      row[x] = rounded(16 + 219 / 255.0 * pixel(image, x, y).luma());
    }
  }
  for (int y = 0; y < height; y += 2) {
    uint8_t* cb = planes.cb + static_cast<ptrdiff_t>(planes.cb_stride) * (y / 2);
    uint8_t* cr = planes.cr + static_cast<ptrdiff_t>(planes.cr_stride) * (y / 2);
    for (int x = 0; x < width; x += 2) {
      const Colour c = around(image, x, y);
      cb[x / 2] = rounded(128 + 224 / 255.0 * (c.b - c.luma()) / (2 * (1 - kBlue)));
      cr[x / 2] = rounded(128 + 224 / 255.0 * (c.r - c.luma()) / (2 * (1 - kRed)));
    }
  }
}

}  // namespace zoetrope::media
