#include "eval/metrics.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "base/status.h"

namespace zoetrope::eval {
namespace {

constexpr int kNear = 20;  // of 255: colours this close look alike
constexpr int kJump = 16;  // of 255: a change of brightness that catches the eye
constexpr int kWhite = 250;

void require_clip(const at::Tensor& clip, int64_t least_frames) {
  base::require(clip.dim() == 4 && clip.size(3) == 3 && clip.scalar_type() == at::kByte,
                "a clip must be u8 [f, h, w, 3]");
  base::require(clip.size(0) >= least_frames, "the clip has too few frames for this figure");
}

at::Tensor first_difference(const at::Tensor& x) {
  return x.narrow(0, 1, x.size(0) - 1) - x.narrow(0, 0, x.size(0) - 1);
}

at::Tensor brightness(const at::Tensor& clip) { return clip.to(at::kDouble).mean(3); }

// [size - 10, size]: row i holds the 11 weights of the window that begins at pixel i.
at::Tensor window_matrix(int64_t size) {
  constexpr int kTaps = 11, kMiddle = kTaps / 2;
  constexpr double kSigma = 1.5;
  std::array<double, kTaps> weight{};
  double sum = 0;
  for (int k = 0; k < kTaps; ++k) {
    const double x = k - kMiddle;
    weight[k] = std::exp(-x * x / (2 * kSigma * kSigma));
    sum += weight[k];
  }
  at::Tensor matrix = at::zeros({size - kTaps + 1, size}, at::kDouble);
  auto entries = matrix.accessor<double, 2>();
  for (int64_t i = 0; i < matrix.size(0); ++i) {
    for (int k = 0; k < kTaps; ++k) entries[i][i + k] = weight[k] / sum;
  }
  return matrix;
}

// Every colour of a picture, sorted into cells of kNear a side, so that a look-up compares with the
// colours of 27 cells only.
class ColourCells {
 public:
  explicit ColourCells(const at::Tensor& picture) {
    const at::Tensor pixels = picture.contiguous();
    const uint8_t* p = pixels.const_data_ptr<uint8_t>();
    for (int64_t i = 0; i < pixels.numel(); i += 3) {
      const Colour colour = {p[i], p[i + 1], p[i + 2]};
      std::vector<Colour>& cell =
          cells_[cell_of(colour[0] / kNear, colour[1] / kNear, colour[2] / kNear)];
      if (std::ranges::find(cell, colour) == cell.end()) cell.push_back(colour);
    }
  }

  bool has_near(const uint8_t* rgb) const {
    const std::array<int, 3> at = {rgb[0] / kNear, rgb[1] / kNear, rgb[2] / kNear};
    for (int r = std::max(0, at[0] - 1); r <= std::min(kSide - 1, at[0] + 1); ++r) {
      for (int g = std::max(0, at[1] - 1); g <= std::min(kSide - 1, at[1] + 1); ++g) {
        for (int b = std::max(0, at[2] - 1); b <= std::min(kSide - 1, at[2] + 1); ++b) {
          for (const Colour& known : cells_[cell_of(r, g, b)]) {
            if (near(known, rgb)) return true;
          }
        }
      }
    }
    return false;
  }

 private:
  using Colour = std::array<uint8_t, 3>;
  static constexpr int kSide = 255 / kNear + 1;

  static size_t cell_of(int r, int g, int b) {
    return (static_cast<size_t>(r) * kSide + g) * kSide + b;
  }
  static bool near(const Colour& known, const uint8_t* rgb) {
    for (int c = 0; c < 3; ++c) {
      if (std::abs(known[c] - rgb[c]) > kNear) return false;
    }
    return true;
  }

  std::array<std::vector<Colour>, size_t{kSide} * kSide * kSide> cells_;
};

}  // namespace

double psnr(const at::Tensor& a, const at::Tensor& b) {
  base::require(a.sizes() == b.sizes() && a.numel() > 0, "psnr: two clips of one shape needed");
  const double error = (a.to(at::kDouble) - b.to(at::kDouble)).square_().mean().item<double>();
  if (error == 0) return kIdenticalPsnr;
  return std::min(kIdenticalPsnr, 10 * std::log10(255.0 * 255.0 / error));
}

double ssim(const at::Tensor& a, const at::Tensor& b) {
  require_clip(a, 1);
  base::require(a.sizes() == b.sizes(), "ssim: two clips of one shape needed");
  base::require(a.size(1) >= 11 && a.size(2) >= 11, "ssim: frames of at least 11 x 11 needed");
  const at::Tensor down = window_matrix(a.size(1)), across = window_matrix(a.size(2)).t();
  const auto planes = [](const at::Tensor& clip) {
    return clip.permute({0, 3, 1, 2}).flatten(0, 1).to(at::kDouble);
  };
  // The window's mean around every pixel: separable, so two products with a banded matrix.
  const auto windowed = [&](const at::Tensor& x) {
    return at::matmul(at::matmul(down, x), across);
  };
  constexpr double kC1 = (0.01 * 255) * (0.01 * 255), kC2 = (0.03 * 255) * (0.03 * 255);
  const at::Tensor x = planes(a), y = planes(b);
  const at::Tensor mx = windowed(x), my = windowed(y);
  const at::Tensor vx = windowed(x * x) - mx * mx, vy = windowed(y * y) - my * my;
  const at::Tensor covariance = windowed(x * y) - mx * my;
  return (((2 * mx * my + kC1) * (2 * covariance + kC2)) /
          ((mx * mx + my * my + kC1) * (vx + vy + kC2)))
      .mean()
      .item<double>();
}

double motion(const at::Tensor& clip) {
  require_clip(clip, 2);
  return first_difference(clip.to(at::kShort)).abs_().to(at::kDouble).mean().item<double>() / 255;
}

double jerk(const at::Tensor& clip) {
  require_clip(clip, 3);
  const at::Tensor first = first_difference(clip.to(at::kShort));
  const double moved = first.abs().to(at::kDouble).mean().item<double>();
  if (moved == 0) return 0;
  return first_difference(first).abs_().to(at::kDouble).mean().item<double>() / moved;
}

double flicker_share(const at::Tensor& clip) {
  require_clip(clip, 3);
  const at::Tensor step = first_difference(brightness(clip));
  const at::Tensor away = step.narrow(0, 0, step.size(0) - 1);
  const at::Tensor back = step.narrow(0, 1, step.size(0) - 1);
  const at::Tensor smaller = at::minimum(away.abs(), back.abs());
  const at::Tensor returns = (away + back).abs() < smaller / 2;
  return ((smaller > kJump) & returns).to(at::kDouble).mean().item<double>();
}

double gradient_energy(const at::Tensor& clip) {
  require_clip(clip, 1);
  const at::Tensor grey = brightness(clip);
  const auto energy = [&](int64_t dim) {
    return first_difference(grey.transpose(0, dim)).square_().mean().item<double>();
  };
  return energy(1) + energy(2);
}

double dirty_white(const at::Tensor& clip, const at::Tensor& real) {
  require_clip(clip, 1);
  require_clip(real, 1);
  base::require(clip.sizes().slice(1) == real.sizes().slice(1), "dirty_white: sizes differ");
  const at::Tensor white = real.amin(at::IntArrayRef{0, 3}) >= kWhite;
  if (!white.any().item<bool>()) return 0;
  const at::Tensor darkest = clip.amin(3).masked_select(white.unsqueeze(0));
  return (darkest < 255 - kNear).to(at::kDouble).mean().item<double>();
}

double novel_colour(const at::Tensor& clip, const at::Tensor& picture) {
  require_clip(clip, 1);
  base::require(picture.dim() == 3 && picture.size(2) == 3, "a picture must be u8 [h, w, 3]");
  const ColourCells known(picture);
  enum : int8_t { kUnknown, kKnown, kNovel };
  std::vector<int8_t> memory(size_t{1} << 24, kUnknown);  // by colour: clips repeat theirs
  const at::Tensor pixels = clip.contiguous();
  const uint8_t* p = pixels.const_data_ptr<uint8_t>();
  int64_t novel = 0;
  for (int64_t i = 0; i < pixels.numel(); i += 3) {
    int8_t& seen = memory[p[i] | p[i + 1] << 8 | p[i + 2] << 16];
    if (seen == kUnknown) seen = known.has_near(p + i) ? kKnown : kNovel;
    novel += seen == kNovel ? 1 : 0;
  }
  const int64_t count = pixels.numel() / 3;
  return static_cast<double>(novel) / static_cast<double>(count);
}

}  // namespace zoetrope::eval
