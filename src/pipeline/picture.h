// Pictures between media's form and a network's.
#pragma once

#include <ATen/core/Tensor.h>

#include "media/image.h"

namespace zoetrope::pipeline {

// u8 [h, w, 3], sharing nothing with the image.
at::Tensor to_pixels(const media::Image& image);
// From u8 [h, w, 3] on any device.
media::Image to_image(const at::Tensor& pixels);

// u8 -> fp32 in [-1, 1], and back with rounding and clamping. Any shape.
at::Tensor to_signed(const at::Tensor& pixels);
at::Tensor to_bytes(const at::Tensor& signed_pixels);

enum class Filter { kBox, kTriangle };

// Resampling as the Pillow library does it for 8-bit pictures, bit for bit: the published I2VGen-XL
// pipeline prepares its pictures with it. kBox is Image.BOX, kTriangle is Image.BILINEAR, both
// widened when the picture shrinks.
media::Image resample(const media::Image& image, int width, int height, Filter filter);

// Scaled (box filter) until it covers width x height, then the middle of it: diffusers'
// _center_crop_wide.
media::Image crop_wide(const media::Image& image, int width, int height);

// The same with the product's own resampling, which also enlarges well.
media::Image cover(const media::Image& image, int width, int height);

}  // namespace zoetrope::pipeline
