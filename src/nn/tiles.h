// Decoding in overlapping squares, for pictures whose activations do not fit. Neighbours fade into
// one another over what they share, so the result differs a little from the whole's.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>

namespace zoetrope::nn {

struct Tiling {
  int64_t tile = 32;  // latents along a side
  int64_t overlap = 8;
};

// latents [..., h, w, c] -> [..., h * scale, w * scale, c'], where `decode` makes
// [..., th * scale, tw * scale, c'] of a tile [..., th, tw, c]. Throws base::Error where the
// overlap is not smaller than a tile.
at::Tensor decode_in_tiles(const at::Tensor& latents, const Tiling& tiling, int64_t scale,
                           const std::function<at::Tensor(const at::Tensor& tile)>& decode);

}  // namespace zoetrope::nn
