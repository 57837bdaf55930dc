#include "models/autoencoder_kl_wan/autoencoder_kl_wan.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>

#include "base/status.h"

namespace zoetrope::models {
namespace {

using weights::Scope;

at::Tensor vector_of(const std::vector<double>& values) {
  return at::tensor(at::ArrayRef<double>(values)).to(at::kFloat);
}

void require_clip(const at::Tensor& x, int64_t channels, const char* what) {
  if (x.dim() != 5 || x.size(1) == 0 || x.size(4) != channels) {
    throw base::Error(base::StatusCode::kInvalidArgument,
                      fmt::format("wan autoencoder: {} must be [b, f, h, w, {}], got {} dimensions "
                                  "with {} channels",
                                  what, channels, x.dim(), x.dim() > 0 ? x.size(-1) : 0));
  }
}

void require_multiple(int64_t size, int64_t multiple, const char* what) {
  if (size % multiple != 0) {
    throw base::Error(
        base::StatusCode::kInvalidArgument,
        fmt::format("wan autoencoder: {} must be a multiple of {}, not {}", what, multiple, size));
  }
}

}  // namespace

WanEncoder::WanEncoder(const Scope& scope, const AutoencoderKlWanConfig& config)
    : conv_in_(scope.sub("conv_in"), config.in_channels, config.base_dim, kWanConv),
      mid_(scope.sub("mid_block"), config.width(config.levels() - 1)),
      out_(scope, "norm_out", "conv_out", config.width(config.levels() - 1), 2 * config.z_dim) {
  const auto next = [&] { return scope.sub("down_blocks", static_cast<int64_t>(down_.size())); };
  int64_t in = config.base_dim;
  for (size_t level = 0; level < config.levels(); ++level) {
    const int64_t out = config.width(level);
    for (int64_t i = 0; i < config.num_res_blocks; ++i, in = out) {
      down_.emplace_back(WanResidualBlock(next(), in, out));
    }
    if (level + 1 < config.levels()) {
      down_.emplace_back(WanDownsample(next(), out, config.temporal_downsample[level]));
    }
  }
}

at::Tensor WanEncoder::operator()(const at::Tensor& frames, nn::FrameCache& cache) const {
  at::Tensor x = conv_in_(frames, cache);
  for (const auto& block : down_) {
    x = std::visit([&](const auto& b) { return b(x, cache); }, block);
  }
  return out_(mid_(x, cache), cache);
}

WanDecoder::WanDecoder(const Scope& scope, const AutoencoderKlWanConfig& config)
    : conv_in_(scope.sub("conv_in"), config.z_dim, config.width(config.levels() - 1), kWanConv),
      mid_(scope.sub("mid_block"), config.width(config.levels() - 1)),
      out_(scope, "norm_out", "conv_out", config.width(0), config.out_channels) {
  int64_t in = config.width(config.levels() - 1);
  for (size_t i = 0; i < config.levels(); ++i) {
    const size_t level = config.levels() - 1 - i;
    const Scope block = scope.sub("up_blocks", static_cast<int64_t>(i));
    const int64_t out = config.width(level);
    Level& made = levels_.emplace_back();
    for (int64_t j = 0; j <= config.num_res_blocks; ++j, in = out) {
      made.resnets.emplace_back(block.sub("resnets", j), in, out);
    }
    if (level > 0) {
      made.upsample.emplace(block.sub("upsamplers", 0), out, config.temporal_downsample[level - 1]);
      in = out / 2;
    }
  }
}

at::Tensor WanDecoder::operator()(const at::Tensor& latents, nn::FrameCache& cache) const {
  at::Tensor x = mid_(conv_in_(latents, cache), cache);
  for (const Level& level : levels_) {
    for (const WanResidualBlock& resnet : level.resnets) x = resnet(x, cache);
    if (level.upsample) x = (*level.upsample)(x, cache);
  }
  return out_(x, cache);
}

AutoencoderKlWan::AutoencoderKlWan(const Scope& scope, const AutoencoderKlWanConfig& config)
    : config_(config),
      encoder_(scope.sub("encoder"), config),
      decoder_(scope.sub("decoder"), config),
      quant_conv_(scope.sub("quant_conv"), 2 * config.z_dim, 2 * config.z_dim, kWanPointwise),
      post_quant_conv_(scope.sub("post_quant_conv"), config.z_dim, config.z_dim, kWanPointwise),
      latents_mean_(vector_of(config.latents_mean)),
      latents_std_(vector_of(config.latents_std)) {}

at::Tensor AutoencoderKlWan::encode(const at::Tensor& clip) const {
  require_clip(clip, config_.in_channels, "the clip");
  const int64_t step = config_.frame_downscale();
  require_multiple(clip.size(1) - 1, step, "the number of frames less one");
  require_multiple(clip.size(2), config_.downscale(), "the height");
  require_multiple(clip.size(3), config_.downscale(), "the width");

  nn::FrameCache cache;
  std::vector<at::Tensor> means;
  for (int64_t begin = 0, count = 1; begin < clip.size(1); begin += count, count = step) {
    cache.begin_chunk();
    const at::Tensor frames = clip.narrow(1, begin, begin == 0 ? 1 : step).to(encoder_.dtype());
    const at::Tensor moments = quant_conv_(encoder_(frames, cache), cache);
    means.push_back(moments.slice(-1, 0, config_.z_dim));
  }
  return at::cat(means, 1);
}

at::Tensor AutoencoderKlWan::empty_clip(const at::Tensor& latents) const {
  require_clip(latents, config_.z_dim, "latents");
  return at::empty({latents.size(0), 1 + (latents.size(1) - 1) * config_.frame_downscale(),
                    latents.size(2) * config_.downscale(), latents.size(3) * config_.downscale(),
                    config_.out_channels},
                   latents.options().dtype(encoder_.dtype()));
}

at::Tensor AutoencoderKlWan::decode_unclamped(const at::Tensor& latents) const {
  at::Tensor clip = empty_clip(latents);
  WanDecodeSession session(*this);
  int64_t done = 0;
  for (int64_t i = 0; i < latents.size(1); ++i) {
    const at::Tensor frames = session.next_unclamped(latents.narrow(1, i, 1));
    clip.narrow(1, done, frames.size(1)).copy_(frames);
    done += frames.size(1);
  }
  return clip;
}

at::Tensor AutoencoderKlWan::decode(const at::Tensor& latents) const {
  return decode_unclamped(latents).clamp_(-1.0, 1.0);
}

at::Tensor AutoencoderKlWan::decode(const at::Tensor& latents, const nn::Tiling& tiling) const {
  require_clip(latents, config_.z_dim, "latents");
  const auto decode_tile = [this](const at::Tensor& tile) { return decode_unclamped(tile); };
  return nn::decode_in_tiles(latents, tiling, config_.downscale(), decode_tile).clamp_(-1.0, 1.0);
}

at::Tensor AutoencoderKlWan::normalise(const at::Tensor& latents) const {
  return (latents.to(at::kFloat) - latents_mean_.to(latents.device())) /
         latents_std_.to(latents.device());
}

at::Tensor AutoencoderKlWan::denormalise(const at::Tensor& latents) const {
  return latents.to(at::kFloat) * latents_std_.to(latents.device()) +
         latents_mean_.to(latents.device());
}

at::Tensor WanDecodeSession::next(const at::Tensor& latents) {
  return next_unclamped(latents).clamp_(-1.0, 1.0);
}

at::Tensor WanDecodeSession::next_unclamped(const at::Tensor& latents) {
  require_clip(latents, model_.config_.z_dim, "latents");
  base::require(latents.size(1) == 1,
                "wan autoencoder: a session takes one latent frame at a time");
  cache_.begin_chunk();
  const at::Tensor z = latents.to(model_.encoder_.dtype());
  return model_.decoder_(model_.post_quant_conv_(z, cache_), cache_);
}

}  // namespace zoetrope::models
