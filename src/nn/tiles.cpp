// The order of tiles and the fade between them are diffusers' (autoencoder_kl.py and
// autoencoder_kl_wan.py: tiled_decode), which decides what the result is where three or four tiles
// meet.
#include "nn/tiles.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/status.h"

namespace zoetrope::nn {
namespace {

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

at::Tensor decode_in_tiles(const at::Tensor& latents, const Tiling& tiling, int64_t scale,
                           const std::function<at::Tensor(const at::Tensor& tile)>& decode) {
  if (tiling.overlap < 0 || tiling.overlap >= tiling.tile) {
    throw base::Error(base::StatusCode::kInvalidArgument,
                      "the overlap of tiles must be smaller than a tile");
  }
  const int64_t rows = latents.dim() - 3, columns = latents.dim() - 2;
  const int64_t height = latents.size(rows), width = latents.size(columns);
  if (height <= tiling.tile && width <= tiling.tile) return decode(latents);
  at::Tensor whole;
  const int64_t stride = tiling.tile - tiling.overlap, overlap = scale * tiling.overlap;
  std::vector<at::Tensor> above;
  for (int64_t top = 0; top < height; top += stride) {
    std::vector<at::Tensor> row;
    for (int64_t left = 0; left < width; left += stride) {
      at::Tensor tile = decode(
          latents.slice(rows, top, top + tiling.tile).slice(columns, left, left + tiling.tile));
      if (!whole.defined()) {
        std::vector<int64_t> sizes = tile.sizes().vec();
        sizes[rows] = scale * height;
        sizes[columns] = scale * width;
        whole = at::empty(sizes, tile.options());
      }
      if (top > 0) fade_in(tile, above[row.size()], rows, overlap);
      if (left > 0) fade_in(tile, row.back(), columns, overlap);
      // What lies beyond the stride is the neighbours' to overwrite.
      whole.slice(rows, scale * top, scale * top + tile.size(rows))
          .slice(columns, scale * left, scale * left + tile.size(columns))
          .copy_(tile);
      row.push_back(std::move(tile));
    }
    above = std::move(row);
  }
  return whole;
}

}  // namespace zoetrope::nn
