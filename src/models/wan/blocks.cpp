#include "models/wan/blocks.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <cmath>

#include "base/status.h"
#include "ops/activation.h"
#include "ops/attention.h"

namespace zoetrope::models {
namespace {

using ops::Activation;
using weights::Init;
using weights::Scope;

// The image embedder's norms do not take the configuration's.
constexpr double kImageNormEps = 1e-5;

constexpr nn::ProjectionNames kSelf{"to_q", "to_k", "to_v", "norm_q", "norm_k"};

nn::HeadLayout heads_of(const WanConfig& c) {
  return {c.num_attention_heads, c.width() / c.num_attention_heads};
}

}  // namespace

WanPatchEmbedding::WanPatchEmbedding(const Scope& scope, const WanConfig& config)
    : patch_(config.patch_size) {
  const int64_t fan_in = config.in_channels * config.patch_elements();
  const at::Tensor kernel =
      scope.take("weight", {config.width(), config.in_channels, patch_[0], patch_[1], patch_[2]},
                 Init::fan_in(fan_in));
  weight_ = ops::prepare_linear(kernel.flatten(1),
                                scope.take("bias", {config.width()}, Init::fan_in(fan_in)));
}

std::array<int64_t, 3> WanPatchEmbedding::counts(int64_t frames, int64_t height,
                                                 int64_t width) const {
  const std::array<int64_t, 3> sizes = {frames, height, width};
  constexpr std::array kNames = {"frames", "height", "width"};
  std::array<int64_t, 3> counts{};
  for (size_t axis = 0; axis < sizes.size(); ++axis) {
    counts[axis] = sizes[axis] / patch_[axis];
    if (sizes[axis] <= 0 || sizes[axis] % patch_[axis] != 0) {
      throw base::Error(base::StatusCode::kInvalidArgument,
                        fmt::format("wan: latent {} must be a positive multiple of {}, not {}",
                                    kNames[axis], patch_[axis], sizes[axis]));
    }
  }
  return counts;
}

at::Tensor WanPatchEmbedding::operator()(const at::Tensor& clip) const {
  const auto [f, h, w] = counts(clip.size(1), clip.size(2), clip.size(3));
  // In a patch the channel is the slowest index, as in the kernel.
  const at::Tensor patches =
      clip.reshape({clip.size(0), f, patch_[0], h, patch_[1], w, patch_[2], clip.size(4)})
          .permute({0, 1, 3, 5, 7, 2, 4, 6})
          .reshape({clip.size(0), f * h * w, -1});
  return ops::linear(patches, weight_);
}

WanImageEmbedding::WanImageEmbedding(const Scope& scope, const WanConfig& config)
    : norm1_(scope.sub("norm1"), config.image_dim, kImageNormEps),
      up_(scope.sub("ff.net.0.proj"), config.image_dim, config.image_dim),
      down_(scope.sub("ff.net.2"), config.image_dim, config.width()),
      norm2_(scope.sub("norm2"), config.width(), kImageNormEps) {
  if (config.pos_embed_seq_len > 0) {
    position_ =
        scope.take("pos_embed", {1, config.pos_embed_seq_len, config.image_dim}, Init::zeros());
  }
}

at::Tensor WanImageEmbedding::operator()(const at::Tensor& tokens) const {
  const at::Tensor x = position_.defined() ? tokens + position_ : tokens;
  return norm2_(down_(ops::activate(up_(norm1_(x)), Activation::kGelu)));
}

// ---- Attention ------------------------------------------------------------------------------

WanSelfAttention::WanSelfAttention(const Scope& scope, const WanConfig& config)
    : projections_(scope, kSelf, heads_of(config), nn::NormSpan::kAllHeads, config.eps),
      out_(scope.sub("to_out", 0), config.width(), config.width()) {}

at::Tensor WanSelfAttention::operator()(const ops::Rows& x, const nn::RotaryTable& rotary) const {
  const auto [q, k, v] = nn::join({projections_(x)}, rotary);
  return out_(ops::attention(q, k, v).flatten(-2));
}

WanCrossAttention::WanCrossAttention(const Scope& scope, const WanConfig& config)
    : heads_(config.num_attention_heads),
      q_(scope.sub("to_q"), config.width(), config.width()),
      out_(scope.sub("to_out", 0), config.width(), config.width()),
      norm_q_(scope.sub("norm_q"), config.width(), config.eps),
      text_{nn::FusedLinear(scope, {"to_k", "to_v"}, config.width(), config.width(),
                            nn::Bias::kPresent),
            nn::RmsNorm(scope.sub("norm_k"), config.width(), config.eps)} {
  if (config.image_dim > 0) {
    image_.emplace(KeyValues{nn::FusedLinear(scope, {"add_k_proj", "add_v_proj"}, config.width(),
                                             config.width(), nn::Bias::kPresent),
                             nn::RmsNorm(scope.sub("norm_added_k"), config.width(), config.eps)});
  }
}

nn::KeyValue WanCrossAttention::project(const KeyValues& layers, const at::Tensor& context) const {
  const auto parts = layers.kv(context).chunk(2, -1);
  return {layers.norm(parts[0]).unflatten(-1, {heads_, -1}), parts[1].unflatten(-1, {heads_, -1})};
}

WanContext WanCrossAttention::project(const at::Tensor& text, const at::Tensor& image) const {
  WanContext context{project(text_, text), {}};
  if (image_) context.image = project(*image_, image);
  return context;
}

at::Tensor WanCrossAttention::operator()(const ops::Rows& x, const WanContext& context) const {
  const at::Tensor q = norm_q_(q_(x)).unflatten(-1, {heads_, -1});
  at::Tensor attended = ops::attention(q, context.text.k, context.text.v);
  // A softmax of its own: what the image adds does not depend on how long the text is.
  if (image_) attended = attended + ops::attention(q, context.image.k, context.image.v);
  return out_(attended.flatten(-2));
}

// ---- WanBlock -------------------------------------------------------------------------------

WanBlock::WanBlock(const Scope& scope, const WanConfig& config)
    : eps_(config.eps),
      scale_shift_table_(
          scope
              .take("scale_shift_table", {1, 6, config.width()},
                    Init::normal(1.0 / std::sqrt(static_cast<double>(config.width()))))
              .to(at::kFloat)),
      self_(scope.sub("attn1"), config),
      cross_(scope.sub("attn2"), config),
      norm2_(scope.sub("norm2"), config.width(), config.eps),
      feed_forward_(scope.sub("ffn"), config.width(), config.ffn_dim) {}

at::Tensor WanBlock::operator()(const at::Tensor& x, const at::Tensor& modulation,
                                const nn::RotaryTable& rotary, const WanContext& context) const {
  const auto m = (scale_shift_table_ + modulation.to(at::kFloat)).chunk(6, 1);  // [b, 1, c] each
  const nn::Modulation self{m[0], m[1], m[2]}, feed_forward{m[3], m[4], m[5]};

  const at::Tensor a = self_(self.norm(x, eps_, self_.input_format()), rotary);
  const auto [h, to_cross] = norm2_.of({x, self.gate, a}, cross_.input_format());
  const at::Tensor b = cross_(to_cross, context);
  const auto [g, inner] = feed_forward.norm({h, {}, b}, eps_, feed_forward_.input_format());
  return feed_forward.add(g, feed_forward_(inner));
}

}  // namespace zoetrope::models
