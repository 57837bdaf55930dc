#include "media/image.h"

namespace zoetrope::media {

Image::Image(int width, int height, Rgb fill)
    : width(width), height(height), rgb(3 * static_cast<size_t>(width) * height) {
  for (size_t i = 0; i < rgb.size(); ++i) rgb[i] = fill[i % 3];
}

}  // namespace zoetrope::media
