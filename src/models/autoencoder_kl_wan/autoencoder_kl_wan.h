// Wan's autoencoder: clips to a small Gaussian latent and back (Wan Team, arXiv 2503.20314, section
// 4.1; diffusers models/autoencoders/autoencoder_kl_wan.py: AutoencoderKLWan of Wan2.1 and
// Wan2.2-A14B), whose checkpoints load as they are. It is causal in time: a clip's first frame
// becomes a latent of its own, then every frame_downscale() frames one more.
//
// Clips go through in chunks of one latent frame, so beyond input and result the memory does not
// depend on their length. Immutable after construction; any thread may call it. Work is done, and
// results come, in the parameters' dtype.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "models/autoencoder_kl_wan/blocks.h"
#include "models/autoencoder_kl_wan/config.h"
#include "nn/causal_conv.h"
#include "nn/tiles.h"
#include "weights/parameters.h"

namespace zoetrope::models {

// The clip's first frame, or the next frame_downscale() -> one frame of [b, 1, h, w, 2 z_dim].
class WanEncoder {
 public:
  WanEncoder(const weights::Scope& scope, const AutoencoderKlWanConfig& config);
  at::Tensor operator()(const at::Tensor& frames, nn::FrameCache& cache) const;
  at::ScalarType dtype() const { return conv_in_.dtype(); }

 private:
  nn::CausalConv3d conv_in_;
  std::vector<std::variant<WanResidualBlock, WanDownsample>> down_;  // as the checkpoint counts
  WanMidBlock mid_;
  WanNormedConv out_;
};

// One latent frame [b, 1, h, w, z_dim] -> the clip's first frame, or the next frame_downscale().
class WanDecoder {
 public:
  WanDecoder(const weights::Scope& scope, const AutoencoderKlWanConfig& config);
  at::Tensor operator()(const at::Tensor& latents, nn::FrameCache& cache) const;

 private:
  struct Level {
    std::vector<WanResidualBlock> resnets;
    std::optional<WanUpsample> upsample;  // absent on the finest
  };
  nn::CausalConv3d conv_in_;
  WanMidBlock mid_;
  std::vector<Level> levels_;
  WanNormedConv out_;
};

class AutoencoderKlWan {
 public:
  AutoencoderKlWan(const weights::Scope& scope, const AutoencoderKlWanConfig& config);

  // The mean of each latent element. clip [b, f, h, w, in_channels] in [-1, 1], f - 1 a multiple of
  // frame_downscale(), h and w of downscale() -> [b, 1 + (f - 1) / frame_downscale(),
  // h / downscale(), w / downscale(), z_dim]. Throws base::Error naming the size and the multiple.
  at::Tensor encode(const at::Tensor& clip) const;

  // latents [b, f, h, w, z_dim], as encode gives them
  // -> [b, 1 + (f - 1) * frame_downscale(), h * downscale(), w * downscale(), out_channels] in
  // [-1, 1].
  at::Tensor decode(const at::Tensor& latents) const;

  // The same in overlapping squares, as in diffusers' tiled_decode (nn/tiles.h).
  at::Tensor decode(const at::Tensor& latents, const nn::Tiling& tiling) const;

  // To the denoiser's scale, (z - latents_mean) / latents_std, and back. Any shape ending in z_dim;
  // computed in fp32, result fp32.
  at::Tensor normalise(const at::Tensor& latents) const;
  at::Tensor denormalise(const at::Tensor& latents) const;

  const AutoencoderKlWanConfig& config() const { return config_; }

 private:
  friend class WanDecodeSession;
  at::Tensor decode_unclamped(const at::Tensor& latents) const;
  // The result of decode, to be filled.
  at::Tensor empty_clip(const at::Tensor& latents) const;

  AutoencoderKlWanConfig config_;
  WanEncoder encoder_;
  WanDecoder decoder_;
  nn::CausalConv3d quant_conv_, post_quant_conv_;
  at::Tensor latents_mean_, latents_std_;  // fp32 [z_dim]
};

// Decodes one clip as its latents arrive. The model must outlive it; one thread at a time.
class WanDecodeSession {
 public:
  explicit WanDecodeSession(const AutoencoderKlWan& model) : model_(model) {}
  // The next latent frame [b, 1, h, w, z_dim] -> its frames in [-1, 1]: one of the clip's first
  // latent, frame_downscale() of every other; [b, frames, h * downscale(), w * downscale(),
  // out_channels].
  at::Tensor next(const at::Tensor& latents);

 private:
  friend class AutoencoderKlWan;
  at::Tensor next_unclamped(const at::Tensor& latents);

  const AutoencoderKlWan& model_;
  nn::FrameCache cache_;
};

}  // namespace zoetrope::models
