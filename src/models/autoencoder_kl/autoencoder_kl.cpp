#include "models/autoencoder_kl/autoencoder_kl.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "base/status.h"
#include "nn/tap.h"

namespace zoetrope::models {
namespace {

using weights::Scope;

constexpr nn::Conv2d::Options kPointwise{.kernel = 1, .padding = 0};
constexpr nn::Conv2d::Options kDoubling{.enlarging = true};
constexpr nn::Conv2d::Options kHalving{.stride = 2, .padding = 0};

// One row and one column of zeros, below and to the right: what the halving convolution sees beyond
// the picture. (Symmetric padding would sample other centres.)
at::Tensor padded_after(const at::Tensor& x) { return at::constant_pad_nd(x, {0, 0, 0, 1, 0, 1}); }

std::vector<AutoencoderResnet> resnets_of(const Scope& level, int64_t count, int64_t in,
                                          int64_t out, int64_t groups) {
  std::vector<AutoencoderResnet> resnets;
  for (int64_t i = 0; i < count; ++i) {
    resnets.emplace_back(level.sub("resnets", i), i == 0 ? in : out, out, groups);
  }
  return resnets;
}

at::Tensor vector_of(const std::vector<double>& values, int64_t size, double otherwise) {
  return values.empty() ? at::full({size}, otherwise, at::kFloat)
                        : at::tensor(at::ArrayRef<double>(values)).to(at::kFloat);
}

void require_image(const at::Tensor& x, int64_t channels, const char* what) {
  if (x.dim() != 4 || x.size(3) != channels) {
    throw base::Error(base::StatusCode::kInvalidArgument,
                      fmt::format("autoencoder: {} must be [n, h, w, {}], got {} dimensions with "
                                  "{} channels",
                                  what, channels, x.dim(), x.dim() > 0 ? x.size(-1) : 0));
  }
}

}  // namespace

AutoencoderEncoder::AutoencoderEncoder(const Scope& scope, const AutoencoderKlConfig& config)
    : path_(scope.path()),
      conv_in_(scope.sub("conv_in"), config.in_channels, config.block_out_channels.front()),
      mid_(scope.sub("mid_block"), config),
      norm_out_(scope.sub("conv_norm_out"), config.norm_num_groups,
                config.block_out_channels.back(), kAutoencoderNormEps, ops::Activation::kSilu),
      conv_out_(scope.sub("conv_out"), config.block_out_channels.back(),
                2 * config.latent_channels) {
  int64_t in = config.block_out_channels.front();
  for (size_t i = 0; i < config.block_out_channels.size(); ++i) {
    const Scope level = scope.sub("down_blocks", static_cast<int64_t>(i));
    const int64_t out = config.block_out_channels[i];
    levels_.push_back(
        {resnets_of(level, config.layers_per_block, in, out, config.norm_num_groups), {}});
    if (i + 1 < config.block_out_channels.size()) {
      levels_.back().downsample.emplace(level.sub("downsamplers", 0).sub("conv"), out, out,
                                        kHalving);
    }
    in = out;
  }
}

at::Tensor AutoencoderEncoder::operator()(const at::Tensor& images) const {
  at::Tensor x = conv_in_(images);
  for (size_t i = 0; i < levels_.size(); ++i) {
    for (const AutoencoderResnet& resnet : levels_[i].resnets) x = resnet(x);
    if (levels_[i].downsample) x = (*levels_[i].downsample)(padded_after(x));
    nn::tap(fmt::format("{}.down_blocks.{}", path_, i), x);
  }
  x = mid_(x);
  nn::tap(path_ + ".mid_block", x);
  return conv_out_.of_normed(norm_out_.parameters(), x);
}

AutoencoderDecoder::AutoencoderDecoder(const Scope& scope, const AutoencoderKlConfig& config)
    : path_(scope.path()),
      conv_in_(scope.sub("conv_in"), config.latent_channels, config.block_out_channels.back()),
      mid_(scope.sub("mid_block"), config),
      norm_out_(scope.sub("conv_norm_out"), config.norm_num_groups,
                config.block_out_channels.front(), kAutoencoderNormEps, ops::Activation::kSilu),
      conv_out_(scope.sub("conv_out"), config.block_out_channels.front(), config.out_channels) {
  const std::vector<int64_t> widths(config.block_out_channels.rbegin(),
                                    config.block_out_channels.rend());
  int64_t in = widths.front();
  for (size_t i = 0; i < widths.size(); ++i) {
    const Scope level = scope.sub("up_blocks", static_cast<int64_t>(i));
    const int64_t out = widths[i];
    levels_.push_back(
        {resnets_of(level, config.layers_per_block + 1, in, out, config.norm_num_groups), {}});
    if (i + 1 < widths.size()) {
      levels_.back().upsample.emplace(level.sub("upsamplers", 0).sub("conv"), out, out, kDoubling);
    }
    in = out;
  }
}

at::Tensor AutoencoderDecoder::operator()(const at::Tensor& latents) const {
  at::Tensor x = mid_(conv_in_(latents));
  nn::tap(path_ + ".mid_block", x);
  for (size_t i = 0; i < levels_.size(); ++i) {
    for (const AutoencoderResnet& resnet : levels_[i].resnets) x = resnet(x);
    if (levels_[i].upsample) x = levels_[i].upsample->of_enlarged(x, 2 * x.size(1), 2 * x.size(2));
    nn::tap(fmt::format("{}.up_blocks.{}", path_, i), x);
  }
  return conv_out_.of_normed(norm_out_.parameters(), x);
}

AutoencoderKl::AutoencoderKl(const Scope& scope, const AutoencoderKlConfig& config)
    : config_(config),
      encoder_(scope.sub("encoder"), config),
      decoder_(scope.sub("decoder"), config) {
  const int64_t latent = config.latent_channels;
  if (config.use_quant_conv) {
    quant_.emplace(scope.sub("quant_conv"), 2 * latent, 2 * latent, kPointwise);
  }
  if (config.use_post_quant_conv) {
    post_quant_.emplace(scope.sub("post_quant_conv"), latent, latent, kPointwise);
  }
  latents_mean_ = vector_of(config.latents_mean, latent, config.shift_factor);
  latents_scale_ = config.scaling_factor / vector_of(config.latents_std, latent, 1.0);
}

AutoencoderKl::Moments AutoencoderKl::encode(const at::Tensor& images) const {
  require_image(images, config_.in_channels, "images");
  at::Tensor moments = encoder_(images.to(encoder_.dtype()));
  if (quant_) moments = (*quant_)(moments);
  const auto halves = moments.chunk(2, -1);
  return {halves[0].contiguous(), halves[1].clamp(-30.0, 20.0)};
}

at::Tensor AutoencoderKl::decode(const at::Tensor& latents) const {
  require_image(latents, config_.latent_channels, "latents");
  const at::Tensor z = latents.to(encoder_.dtype());
  return decoder_(post_quant_ ? (*post_quant_)(z) : z);
}

at::Tensor AutoencoderKl::decode(const at::Tensor& latents, const nn::Tiling& tiling) const {
  require_image(latents, config_.latent_channels, "latents");
  return nn::decode_in_tiles(latents, tiling, config_.downscale(),
                             [this](const at::Tensor& tile) { return decode(tile); });
}

at::Tensor AutoencoderKl::normalise(const at::Tensor& latents) const {
  return (latents.to(at::kFloat) - latents_mean_.to(latents.device())) *
         latents_scale_.to(latents.device());
}

at::Tensor AutoencoderKl::denormalise(const at::Tensor& latents) const {
  return latents.to(at::kFloat) / latents_scale_.to(latents.device()) +
         latents_mean_.to(latents.device());
}

}  // namespace zoetrope::models
