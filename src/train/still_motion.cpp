#include "train/still_motion.h"

#include <ATen/ATen.h>

#include <array>
#include <cmath>
#include <vector>

#include "base/philox.h"

namespace zoetrope::train {
namespace {

// Largest swings of each motion, drawn between a fifth of it and the whole.
constexpr double kRotation = 0.26;  // radians
constexpr double kShift = 0.14;     // of half the side
constexpr double kSquash = 0.13;
constexpr double kZoom = 0.12;
constexpr double kLean = 0.25;  // sideways at the top for each unit of height above the pivot

struct Motion {
  double rotation = 0, shift_x = 0, shift_y = 0, squash = 0, zoom = 0, lean = 0;
  double pivot_y = 0;  // 1: the feet stay, 0: around the centre
};

Motion draw_motion(uint64_t seed, uint64_t draw) {
  const auto uniform = [&](uint64_t which) { return base::uniform_at(seed, which, draw); };
  const auto swing = [&](double limit, uint64_t which) {
    const double amount = limit * (0.2 + 0.8 * uniform(which));
    return uniform(which + 1) < 0.5 ? amount : -amount;
  };
  Motion m;
  m.pivot_y = uniform(2) < 0.6 ? 0.8 : 0.0;
  if (uniform(3) < 0.6) m.rotation = swing(kRotation, 10);
  if (uniform(4) < 0.3) m.shift_x = swing(kShift, 12);
  if (uniform(5) < 0.5) m.shift_y = swing(kShift, 14);
  if (uniform(6) < 0.4) m.squash = swing(kSquash, 16);
  if (uniform(7) < 0.25) m.zoom = swing(kZoom, 18);
  if (uniform(8) < 0.3) m.lean = swing(kLean, 20);
  return m;
}

// The map from output to input coordinates at `phase`: 0 = rest, 2 pi = one swing to both sides.
// One smooth swing a clip: faster or |sin|-shaped ones teach a tremor that real clips do not have.
std::array<float, 6> map_at(const Motion& m, double phase) {
  const double s = std::sin(phase);
  const double angle = m.rotation * s;
  const double sx = 1.0 + m.squash * s + m.zoom * s;
  const double sy = 1.0 - m.squash * s + m.zoom * s;
  // input = pivot + S^-1 L^-1 R^-1 (output - pivot - shift), L^-1 = [[1, -lean], [0, 1]]
  const double lean = m.lean * s;
  const double a = (std::cos(angle) + lean * std::sin(angle)) / sx;
  const double b = (std::sin(angle) - lean * std::cos(angle)) / sx;
  const double c = -std::sin(angle) / sy, d = std::cos(angle) / sy;
  const double ox = -m.shift_x * s, oy = -m.pivot_y - m.shift_y * s;
  return {static_cast<float>(a),
          static_cast<float>(b),
          static_cast<float>(a * ox + b * oy),
          static_cast<float>(c),
          static_cast<float>(d),
          static_cast<float>(m.pivot_y + c * ox + d * oy)};
}

}  // namespace

at::Tensor warp_on_white(const at::Tensor& clip, const at::Tensor& maps) {
  // Bicubic, as bilinear sampling blurs what the U-Net then learns to draw. The sampler pads with
  // zeros: shift white to zero and back.
  constexpr int64_t kBicubic = 2, kZeros = 0;  // at::native's enumerators
  const at::Tensor images = (clip - 1.0).permute({0, 3, 1, 2});
  const at::Tensor grid = at::affine_grid_generator(maps, images.sizes(), /*align_corners=*/false);
  const at::Tensor moved =
      at::grid_sampler(images, grid, kBicubic, kZeros, /*align_corners=*/false);
  return (moved.permute({0, 2, 3, 1}) + 1.0).clamp(-1.0, 1.0);
}

at::Tensor animate_still(const at::Tensor& picture, int64_t frames, uint64_t seed, uint64_t draw) {
  const Motion motion = draw_motion(seed, draw);
  std::vector<float> maps;
  for (int64_t f = 0; f < frames; ++f) {
    const auto map =
        map_at(motion, 2.0 * M_PI * static_cast<double>(f) / static_cast<double>(frames));
    maps.insert(maps.end(), map.begin(), map.end());
  }
  const at::Tensor theta = at::tensor(maps).view({frames, 2, 3}).to(picture.device());
  return warp_on_white(picture.unsqueeze(0).expand({frames, -1, -1, -1}), theta);
}

}  // namespace zoetrope::train
