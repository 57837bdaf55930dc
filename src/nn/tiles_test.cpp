#include "nn/tiles.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <vector>

#include "base/status.h"

namespace zoetrope::nn {
namespace {

// Every pixel is a matter of one latent: tiles must then give the whole, wherever they meet.
at::Tensor enlarge(const at::Tensor& latents) {
  return latents.repeat_interleave(2, latents.dim() - 3).repeat_interleave(2, latents.dim() - 2);
}

TEST(TilesTest, EveryPixelIsInItsPlace) {
  for (const std::vector<int64_t>& shape :
       std::vector<std::vector<int64_t>>{{1, 7, 19, 3}, {2, 3, 12, 5, 1}}) {
    const at::Tensor latents = at::rand(shape);
    int tiles = 0;
    const at::Tensor got =
        decode_in_tiles(latents, {.tile = 5, .overlap = 2}, 2, [&](const at::Tensor& tile) {
          ++tiles;
          EXPECT_LE(tile.size(-2), 5);
          EXPECT_LE(tile.size(-3), 5);
          return enlarge(tile);
        });
    EXPECT_GT(tiles, 4);
    EXPECT_TRUE(at::allclose(got, enlarge(latents), 0, 1e-6));
  }
}

TEST(TilesTest, NeighboursFadeIntoOneAnother) {
  double value = 0;
  const at::Tensor got =
      decode_in_tiles(at::zeros({1, 1, 6, 1}), {.tile = 4, .overlap = 2}, 1,
                      [&](const at::Tensor& tile) { return at::full_like(tile, value++); });
  // The second begins at 2 and is the first there, half of either at 3; so is the third's at 4.
  EXPECT_TRUE(at::equal(got.flatten(), at::tensor({0.0f, 0.0f, 0.0f, 0.5f, 1.0f, 1.5f})));
}

TEST(TilesTest, RefusesTilesThatAreAllOverlap) {
  EXPECT_THROW(decode_in_tiles(at::zeros({1, 4, 4, 1}), {.tile = 2, .overlap = 2}, 1, enlarge),
               base::Error);
}

}  // namespace
}  // namespace zoetrope::nn
