#include "models/autoencoder_kl/blocks.h"

#include <ATen/ATen.h>

namespace zoetrope::models {
namespace {

using ops::Activation;

constexpr nn::Conv2d::Options kPointwise{.kernel = 1, .padding = 0};

// Autoencoders saved before 2023 use the first names; diffusers renames them as it loads.
nn::AttentionNames attention_names(const weights::Scope& scope) {
  if (scope.has("query.weight") && !scope.has("to_q.weight")) {
    return {"query", "key", "value", "proj_attn"};
  }
  return {"to_q", "to_k", "to_v", "to_out.0"};
}

}  // namespace

AutoencoderResnet::AutoencoderResnet(const weights::Scope& scope, int64_t in, int64_t out,
                                     int64_t groups)
    : norm1_(scope.sub("norm1"), groups, in, kAutoencoderNormEps, Activation::kSilu),
      conv1_(scope.sub("conv1"), in, out),
      norm2_(scope.sub("norm2"), groups, out, kAutoencoderNormEps, Activation::kSilu),
      conv2_(scope.sub("conv2"), out, out) {
  if (in != out) shortcut_.emplace(scope.sub("conv_shortcut"), in, out, kPointwise);
}

at::Tensor AutoencoderResnet::operator()(const at::Tensor& x) const {
  const at::Tensor h = conv1_.of_normed(norm1_.parameters(), x);
  return conv2_.of_normed(norm2_.parameters(), h, shortcut_ ? (*shortcut_)(x) : x);
}

AutoencoderAttention::AutoencoderAttention(const weights::Scope& scope, int64_t channels,
                                           int64_t groups)
    : norm_(scope.sub("group_norm"), groups, channels, kAutoencoderNormEps),
      attention_(scope, attention_names(scope), channels, {.heads = 1, .head_dim = channels}) {}

at::Tensor AutoencoderAttention::operator()(const at::Tensor& x) const {
  return x + attention_(norm_(x).flatten(1, 2)).reshape(x.sizes());
}

AutoencoderMidBlock::AutoencoderMidBlock(const weights::Scope& scope,
                                         const AutoencoderKlConfig& config)
    : first_(scope.sub("resnets", 0), config.block_out_channels.back(),
             config.block_out_channels.back(), config.norm_num_groups),
      second_(scope.sub("resnets", 1), config.block_out_channels.back(),
              config.block_out_channels.back(), config.norm_num_groups) {
  if (config.mid_block_add_attention) {
    attention_.emplace(scope.sub("attentions", 0), config.block_out_channels.back(),
                       config.norm_num_groups);
  }
}

at::Tensor AutoencoderMidBlock::operator()(const at::Tensor& x) const {
  at::Tensor h = first_(x);
  if (attention_) h = (*attention_)(h);
  return second_(h);
}

}  // namespace zoetrope::models
