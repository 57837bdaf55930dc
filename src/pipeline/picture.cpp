#include "pipeline/picture.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/status.h"
#include "media/resize.h"

namespace zoetrope::pipeline {
namespace {

// One output pixel along an axis: a weighted sum of `weights.size()` input pixels from `first` on.
// The weights are fixed-point numbers with kFractionBits bits after the point and sum to about one.
struct Tap {
  int first;
  std::vector<int> weights;
};
constexpr int kFractionBits = 32 - 8 - 2;

double filter_value(Filter filter, double x) {
  if (filter == Filter::kBox) return x > -0.5 && x <= 0.5 ? 1.0 : 0.0;
  return std::max(0.0, 1.0 - std::abs(x));
}

std::vector<Tap> make_taps(int from, int to, Filter filter) {
  const double scale = static_cast<double>(from) / to;
  const double width = std::max(scale, 1.0);  // of the filter, in input pixels
  const double support = (filter == Filter::kBox ? 0.5 : 1.0) * width;
  std::vector<Tap> taps;
  for (int i = 0; i < to; ++i) {
    const double centre = (i + 0.5) * scale;
    const int first = std::max(0, static_cast<int>(centre - support + 0.5));
    const int last = std::min(from, static_cast<int>(centre + support + 0.5));
    std::vector<double> exact;
    double sum = 0;
    for (int x = first; x < last; ++x) {
      exact.push_back(filter_value(filter, (x - centre + 0.5) / width));
      sum += exact.back();
    }
    Tap tap{first, {}};
    for (const double weight : exact) {
      const double fixed = weight / sum * (1 << kFractionBits);
      tap.weights.push_back(static_cast<int>(fixed < 0 ? fixed - 0.5 : fixed + 0.5));
    }
    taps.push_back(std::move(tap));
  }
  return taps;
}

// `input(k)` is the byte that weight k of the tap stands for.
template <typename Input>
uint8_t apply(const Tap& tap, Input input) {
  int sum = 1 << (kFractionBits - 1);
  for (size_t k = 0; k < tap.weights.size(); ++k)
    sum += tap.weights[k] * input(static_cast<int>(k));
  return static_cast<uint8_t>(std::clamp(sum >> kFractionBits, 0, 255));
}

}  // namespace

at::Tensor to_pixels(const media::Image& image) {
  at::Tensor pixels = at::empty({image.height, image.width, 3}, at::kByte);
  std::memcpy(pixels.mutable_data_ptr<uint8_t>(), image.rgb.data(), image.rgb.size());
  return pixels;
}

media::Image to_image(const at::Tensor& pixels) {
  base::require(pixels.dim() == 3 && pixels.size(2) == 3 && pixels.scalar_type() == at::kByte,
                "to_image: not u8 [h, w, 3]");
  const at::Tensor host = pixels.cpu().contiguous();
  media::Image image(static_cast<int>(host.size(1)), static_cast<int>(host.size(0)));
  std::memcpy(image.rgb.data(), host.const_data_ptr<uint8_t>(), image.rgb.size());
  return image;
}

at::Tensor to_signed(const at::Tensor& pixels) { return pixels.to(at::kFloat) / 127.5 - 1.0; }

at::Tensor to_bytes(const at::Tensor& signed_pixels) {
  return (signed_pixels.to(at::kFloat) / 2 + 0.5).clamp(0, 1).mul_(255).round_().to(at::kByte);
}

media::Image resample(const media::Image& image, int width, int height, Filter filter) {
  base::require(!image.empty() && width > 0 && height > 0, "resample: an empty picture");
  // Horizontal, then vertical, rounded to bytes in between. An axis that keeps its size is skipped.
  media::Image wide(width, image.height);
  if (width == image.width) {
    wide = image;
  } else {
    const std::vector<Tap> taps = make_taps(image.width, width, filter);
    for (int y = 0; y < image.height; ++y) {
      for (int x = 0; x < width; ++x) {
        for (int c = 0; c < 3; ++c) {
          wide.at(x, y)[c] =
              apply(taps[x], [&](int k) { return image.at(taps[x].first + k, y)[c]; });
        }
      }
    }
  }
  if (height == image.height) return wide;
  const std::vector<Tap> taps = make_taps(image.height, height, filter);
  media::Image out(width, height);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < 3; ++c) {
        out.at(x, y)[c] = apply(taps[y], [&](int k) { return wide.at(x, taps[y].first + k)[c]; });
      }
    }
  }
  return out;
}

namespace {

// The size at which the picture just covers the frame.
std::pair<int, int> covering_size(const media::Image& image, int width, int height) {
  const double scale = std::min(static_cast<double>(image.width) / width,
                                static_cast<double>(image.height) / height);
  // Rounding can lose the last pixel of a side; the crop needs all of them.
  return {std::max(width, static_cast<int>(std::floor(image.width / scale))),
          std::max(height, static_cast<int>(std::floor(image.height / scale)))};
}

media::Image middle(const media::Image& image, int width, int height) {
  return media::crop(image,
                     {(image.width - width) / 2, (image.height - height) / 2, width, height});
}

}  // namespace

media::Image crop_wide(const media::Image& image, int width, int height) {
  const auto [w, h] = covering_size(image, width, height);
  return middle(resample(image, w, h, Filter::kBox), width, height);
}

media::Image cover(const media::Image& image, int width, int height) {
  const auto [w, h] = covering_size(image, width, height);
  const bool as_is = w == image.width && h == image.height;
  return middle(as_is ? image : media::resize(image, w, h), width, height);
}

}  // namespace zoetrope::pipeline
