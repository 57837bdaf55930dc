#include "media/rgba.h"

#include <fmt/format.h>

namespace zoetrope::media {

base::Status check_size(int64_t width, int64_t height, int64_t max_pixels, int max_side) {
  if (width <= 0 || height <= 0) {
    return base::data_loss(fmt::format("corrupt: {} x {} pixels", width, height));
  }
  if (width > max_side || height > max_side) {
    return base::resource_exhausted(
        fmt::format("{} x {} pixels, but a side may have {} at most", width, height, max_side));
  }
  if (width * height > max_pixels) {
    return base::resource_exhausted(
        fmt::format("{} x {} pixels, but {:.1f} megapixels is the most that is accepted", width,
                    height, static_cast<double>(max_pixels) / 1e6));
  }
  return {};
}

Image compose(const Rgba& picture, Rgb background, bool* had_alpha) {
  Image image;
  image.width = picture.width;
  image.height = picture.height;
  image.rgb.resize(picture.data.size() / 4 * 3);
  unsigned lowest_alpha = 255;
  const uint8_t* from = picture.data.data();
  uint8_t* to = image.rgb.data();
  for (size_t pixel = picture.data.size() / 4; pixel > 0; --pixel, from += 4, to += 3) {
    const unsigned alpha = from[3];
    lowest_alpha = std::min(lowest_alpha, alpha);
    for (int c = 0; c < 3; ++c) {
      to[c] = static_cast<uint8_t>((from[c] * alpha + background[c] * (255 - alpha) + 127) / 255);
    }
  }
  if (had_alpha) *had_alpha = lowest_alpha < 255;
  return image;
}

}  // namespace zoetrope::media
