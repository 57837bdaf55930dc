#include "media/resize.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <numbers>

#include "base/status.h"

namespace zoetrope::media {
namespace {

double sinc(double x) {
  if (x == 0) return 1;
  x *= std::numbers::pi;
  return std::sin(x) / x;
}

double lanczos3(double x) { return std::abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0; }

// Keys (1981), a = -1/2.
double catmull_rom(double x) {
  x = std::abs(x);
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  if (x < 2) return ((-0.5 * x + 2.5) * x - 4) * x + 2;
  return 0;
}

// For each output sample, which input samples it is made of.
struct Taps {
  struct Span {
    int first;
    int count;
    size_t weights;  // index of the first weight
  };
  std::vector<Span> spans;
  std::vector<float> weights;
};

Taps make_taps(int from, int to) {
  const double scale = static_cast<double>(from) / to;
  const bool shrinks = scale > 1;
  const double stretch = shrinks ? scale : 1;
  const double reach = (shrinks ? 3 : 2) * stretch;
  Taps taps;
  std::vector<double> weights;
  for (int i = 0; i < to; ++i) {
    const double centre = (i + 0.5) * scale - 0.5;
    const int first = std::max(0, static_cast<int>(std::ceil(centre - reach)));
    const int last = std::min(from - 1, static_cast<int>(std::floor(centre + reach)));
    weights.clear();
    double sum = 0;
    for (int j = first; j <= last; ++j) {
      const double distance = (j - centre) / stretch;
      weights.push_back(shrinks ? lanczos3(distance) : catmull_rom(distance));
      sum += weights.back();
    }
    taps.spans.push_back({first, last - first + 1, taps.weights.size()});
    // What falls outside the picture is left out, and the rest weighs as much as everything.
    for (const double w : weights) taps.weights.push_back(static_cast<float>(w / sum));
  }
  return taps;
}

// Rows of `width` RGB pixels to rows of as many pixels as there are spans.
void resample_row(const uint8_t* from, const Taps& taps, float* to) {
  for (const Taps::Span& span : taps.spans) {
    const float* weight = &taps.weights[span.weights];
    const uint8_t* pixel = from + 3 * static_cast<size_t>(span.first);
    float r = 0, g = 0, b = 0;
    for (int k = 0; k < span.count; ++k, pixel += 3) {
      r += weight[k] * pixel[0];
      g += weight[k] * pixel[1];
      b += weight[k] * pixel[2];
    }
    *to++ = r;
    *to++ = g;
    *to++ = b;
  }
}

}  // namespace

Image resize(const Image& image, int width, int height) {
  base::require(!image.empty() && width > 0 && height > 0, "resize: a size is empty");
  if (width == image.width && height == image.height) return image;
  const Taps across = make_taps(image.width, width);
  const Taps down = make_taps(image.height, height);
  const size_t stride = 3 * static_cast<size_t>(width);

  std::vector<float> rows(stride * static_cast<size_t>(image.height));
  for (int y = 0; y < image.height; ++y) {
    resample_row(image.at(0, y), across, &rows[stride * static_cast<size_t>(y)]);
  }
  Image out(width, height);
  std::vector<float> sum(stride);
  for (int y = 0; y < height; ++y) {
    const Taps::Span& span = down.spans[static_cast<size_t>(y)];
    std::ranges::fill(sum, 0.5f);  // rounds
    for (int k = 0; k < span.count; ++k) {
      const float weight = down.weights[span.weights + static_cast<size_t>(k)];
      const float* row = &rows[stride * static_cast<size_t>(span.first + k)];
      for (size_t i = 0; i < stride; ++i) sum[i] += weight * row[i];
    }
    uint8_t* to = out.at(0, y);
    for (size_t i = 0; i < stride; ++i) {
      to[i] = static_cast<uint8_t>(std::clamp(sum[i], 0.0f, 255.0f));
    }
  }
  return out;
}

Image crop(const Image& image, Placement where) {
  base::require(where.x >= 0 && where.y >= 0 && where.width > 0 && where.height > 0 &&
                    where.x + where.width <= image.width && where.y + where.height <= image.height,
                "crop: the rectangle lies outside the picture");
  Image out(where.width, where.height);
  for (int y = 0; y < where.height; ++y) {
    std::memcpy(out.at(0, y), image.at(where.x, where.y + y), 3 * static_cast<size_t>(where.width));
  }
  return out;
}

namespace {

std::vector<Rgb> border_pixels(const Image& image) {
  std::vector<Rgb> pixels;
  const auto add = [&](int x, int y) {
    const uint8_t* p = image.at(x, y);
    pixels.push_back({p[0], p[1], p[2]});
  };
  for (int x = 0; x < image.width; ++x) {
    add(x, 0);
    add(x, image.height - 1);
  }
  for (int y = 0; y < image.height; ++y) {
    add(0, y);
    add(image.width - 1, y);
  }
  return pixels;
}

Rgb median(const std::vector<Rgb>& pixels) {
  Rgb result;
  std::vector<uint8_t> values(pixels.size());
  for (size_t c = 0; c < 3; ++c) {
    std::ranges::transform(pixels, values.begin(), [c](const Rgb& p) { return p[c]; });
    const auto middle = values.begin() + static_cast<ptrdiff_t>(values.size() / 2);
    std::ranges::nth_element(values, middle);
    result[c] = *middle;
  }
  return result;
}

}  // namespace

Rgb border_colour(const Image& image) {
  constexpr int kNear = 12;  // how far JPEG noise and soft shadows stray from a flat background
  base::require(!image.empty(), "border_colour: the picture is empty");
  const std::vector<Rgb> border = border_pixels(image);
  std::map<Rgb, int> cells;  // colours cut to 4 bits a channel
  for (const Rgb& p : border) {
    ++cells[{static_cast<uint8_t>(p[0] >> 4), static_cast<uint8_t>(p[1] >> 4),
             static_cast<uint8_t>(p[2] >> 4)}];
  }
  const Rgb fullest =
      std::ranges::max_element(cells, {}, [](const auto& cell) { return cell.second; })->first;
  std::vector<Rgb> inside;
  for (const Rgb& p : border) {
    if (p[0] >> 4 == fullest[0] && p[1] >> 4 == fullest[1] && p[2] >> 4 == fullest[2]) {
      inside.push_back(p);
    }
  }
  // A flat background may straddle cells: take what lies near the middle of the fullest one.
  const Rgb centre = median(inside);
  std::vector<Rgb> alike;
  std::ranges::copy_if(border, std::back_inserter(alike), [&](const Rgb& p) {
    return std::abs(p[0] - centre[0]) <= kNear && std::abs(p[1] - centre[1]) <= kNear &&
           std::abs(p[2] - centre[2]) <= kNear;
  });
  return alike.size() * 4 >= border.size() ? median(alike) : median(border);
}

Fitted fit_to(const Image& image, int width, int height, Rgb background) {
  base::require(!image.empty() && width > 0 && height > 0, "fit_to: a size is empty");
  const double scale = std::min(static_cast<double>(width) / image.width,
                                static_cast<double>(height) / image.height);
  const auto scaled = [scale](int side, int limit) {
    return std::clamp(static_cast<int>(std::lround(side * scale)), 1, limit);
  };
  Placement where;
  where.width = scaled(image.width, width);
  where.height = scaled(image.height, height);
  where.x = (width - where.width) / 2;
  where.y = (height - where.height) / 2;

  const Image content = resize(image, where.width, where.height);
  Fitted out{Image(width, height, background), where};
  for (int y = 0; y < where.height; ++y) {
    std::memcpy(out.image.at(where.x, where.y + y), content.at(0, y),
                3 * static_cast<size_t>(where.width));
  }
  return out;
}

}  // namespace zoetrope::media
