// Every training clip encoded once, in several augmented versions, so that U-Net training reads
// latents and never the autoencoder.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "models/autoencoder_kl/autoencoder_kl.h"

namespace zoetrope::train {

struct LatentCache {
  at::Tensor latents;         // fp16 [versions, n, f, h, w, c], normalised
  std::vector<float> motion;  // [versions * n]: motion_strength of each
};

// What is encoded: real clips, then clips made from stills (still_motion.h).
struct ClipSource {
  at::Tensor clips;   // u8 [n, f, h, w, 3]
  at::Tensor stills;  // u8 [m, h, w, 3]; undefined = none
  int64_t size() const { return clips.size(0) + (stills.defined() ? stills.size(0) : 0); }
};

// How lively a clip is, in [0, 1]: the mean absolute difference of neighbouring frames d (pixels in
// [0, 1]) on a logarithmic scale, (log10 d + 2.6) / 1.8, clamped. clip [n, f, h, w, 3] in [-1, 1]
// -> [n].
at::Tensor motion_strength(const at::Tensor& clips);

struct LatentCacheOptions {
  int64_t versions = 8;  // plain, mirrored, then random mirror, turn, zoom, shift and channel order
  uint64_t seed = 0;
  at::ScalarType dtype = at::kFloat;
};

// Work and result are on `device`. With `file`, the result is kept there and read back by later
// calls for the same number of clips and the same options.
LatentCache encode_clips(const models::AutoencoderKl& autoencoder, const ClipSource& source,
                         const LatentCacheOptions& options, at::Device device,
                         const std::string& file = {});

}  // namespace zoetrope::train
