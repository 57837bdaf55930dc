// Tiled decoding: the order of tiles and the fade between them are diffusers'
// (autoencoder_kl_wan.py: tiled_decode), which decides what the result is where three or four tiles
// meet.
#include <ATen/ATen.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/status.h"
#include "models/autoencoder_kl_wan/autoencoder_kl_wan.h"

namespace zoetrope::models {
namespace {

constexpr int64_t kRows = 2, kColumns = 3;  // dimensions of a clip

// The begin of `tile` fades in from the end of `before`, where both show the same pixels.
void fade_in(at::Tensor& tile, const at::Tensor& before, int64_t dim, int64_t overlap) {
  const int64_t shared = std::min({overlap, tile.size(dim), before.size(dim)});
  std::vector<int64_t> along(tile.dim(), 1);
  along[dim] = shared;
  const at::Tensor share =
      (at::arange(shared, tile.options().dtype(at::kFloat)) / static_cast<double>(shared))
          .view(along);
  at::Tensor begin = tile.narrow(dim, 0, shared);
  begin.copy_(before.narrow(dim, before.size(dim) - shared, shared) * (1 - share) + begin * share);
}

}  // namespace

at::Tensor AutoencoderKlWan::decode(const at::Tensor& latents, const Tiling& tiling) const {
  if (tiling.overlap < 0 || tiling.overlap >= tiling.tile) {
    throw base::Error(base::StatusCode::kInvalidArgument,
                      "wan autoencoder: the overlap of tiles must be smaller than a tile");
  }
  const int64_t height = latents.size(2), width = latents.size(3), scale = config_.downscale();
  if (height <= tiling.tile && width <= tiling.tile) return decode(latents);
  at::Tensor clip = empty_clip(latents);
  const int64_t stride = tiling.tile - tiling.overlap, overlap = scale * tiling.overlap;
  std::vector<at::Tensor> above;
  for (int64_t top = 0; top < height; top += stride) {
    std::vector<at::Tensor> row;
    for (int64_t left = 0; left < width; left += stride) {
      at::Tensor tile = decode_unclamped(
          latents.slice(kRows, top, top + tiling.tile).slice(kColumns, left, left + tiling.tile));
      if (top > 0) fade_in(tile, above[row.size()], kRows, overlap);
      if (left > 0) fade_in(tile, row.back(), kColumns, overlap);
      // What lies beyond the stride is the neighbours' to overwrite.
      clip.slice(kRows, scale * top, scale * top + tile.size(kRows))
          .slice(kColumns, scale * left, scale * left + tile.size(kColumns))
          .copy_(tile);
      row.push_back(std::move(tile));
    }
    above = std::move(row);
  }
  return clip.clamp_(-1.0, 1.0);
}

}  // namespace zoetrope::models
