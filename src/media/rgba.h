// Inside media: what every decoder produces before the picture is turned upright and composed onto
// its background, and the check of its size that comes before any pixel is decoded.
#pragma once

#include <string>

#include "base/result.h"
#include "media/image.h"

namespace zoetrope::media {

// sRGB with straight (not premultiplied) alpha, 8 bits, rows without padding.
struct Rgba {
  int width = 0;
  int height = 0;
  std::vector<uint8_t> data;

  void resize(int new_width, int new_height) {
    width = new_width;
    height = new_height;
    data.resize(4 * static_cast<size_t>(width) * height);
  }
  uint8_t* row(int y) { return data.data() + 4 * static_cast<size_t>(width) * y; }
};

// kResourceExhausted if a width x height picture is over the limits, kDataLoss if it has no pixels.
base::Status check_size(int64_t width, int64_t height, int64_t max_pixels, int max_side);

// Composes onto `background` in sRGB values, as browsers do. Sets *had_alpha, if given, to whether
// any pixel was not opaque.
Image compose(const Rgba& picture, Rgb background, bool* had_alpha = nullptr);

}  // namespace zoetrope::media
