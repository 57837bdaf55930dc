// Resampling and fitting pictures into a given size. Pure functions; the same bytes on every
// processor (scalar fp32 in a fixed order, built without fused multiply-add).
#pragma once

#include "media/image.h"

namespace zoetrope::media {

// Antialiased, separable: Lanczos with 3 lobes on an axis that shrinks, Catmull-Rom cubic on one
// that grows. Works on sRGB values. Preconditions: neither size is empty.
Image resize(const Image& image, int width, int height);

// A rectangle of pixels.
struct Placement {
  int x = 0;
  int y = 0;
  int width = 0;
  int height = 0;
  bool operator==(const Placement&) const = default;
};

// The part of the picture inside `where`, which must lie within it.
Image crop(const Image& image, Placement where);

// The colour that most of the picture's border shares; where no colour does, the border's median.
Rgb border_colour(const Image& image);

struct Fitted {
  Image image;
  Placement placement;  // where the picture lies in `image`; the rest is background
};

// The picture in a width x height frame: as large as fits, shape kept, centred, padded with
// `background`. crop(result.image, result.placement) has the picture back.
Fitted fit_to(const Image& image, int width, int height, Rgb background);

}  // namespace zoetrope::media
