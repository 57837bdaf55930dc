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

// x + gate * y in fp32, in x's dtype.
at::Tensor gated_add(const at::Tensor& x, const at::Tensor& gate, const at::Tensor& y) {
  return (x.to(at::kFloat) + gate * y.to(at::kFloat)).to(x.dtype());
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

WanAttention::WanAttention(const Scope& scope, const WanConfig& config)
    : heads_(config.num_attention_heads),
      q_(scope.sub("to_q"), config.width(), config.width()),
      k_(scope.sub("to_k"), config.width(), config.width()),
      v_(scope.sub("to_v"), config.width(), config.width()),
      out_(scope.sub("to_out", 0), config.width(), config.width()),
      norm_q_(scope.sub("norm_q"), config.width(), config.eps),
      norm_k_(scope.sub("norm_k"), config.width(), config.eps) {}

nn::KeyValue WanAttention::project(const at::Tensor& context) const {
  return {norm_k_(k_(context)).unflatten(-1, {heads_, -1}),
          v_(context).unflatten(-1, {heads_, -1})};
}

at::Tensor WanAttention::queries(const at::Tensor& x) const {
  return norm_q_(q_(x)).unflatten(-1, {heads_, -1});
}

at::Tensor WanAttention::output(const at::Tensor& attended) const {
  return out_(attended.flatten(-2));
}

WanBlock::WanBlock(const Scope& scope, const WanConfig& config)
    : heads_(config.num_attention_heads),
      eps_(config.eps),
      scale_shift_table_(
          scope
              .take("scale_shift_table", {1, 6, config.width()},
                    Init::normal(1.0 / std::sqrt(static_cast<double>(config.width()))))
              .to(at::kFloat)),
      self_(scope.sub("attn1"), config),
      cross_(scope.sub("attn2"), config),
      norm2_(scope.sub("norm2"), config.width(), config.eps),
      up_(scope.sub("ffn.net.0.proj"), config.width(), config.ffn_dim),
      down_(scope.sub("ffn.net.2"), config.ffn_dim, config.width()) {
  if (config.image_dim > 0) {
    const Scope cross = scope.sub("attn2");
    added_.emplace(AddedKeys{nn::Linear(cross.sub("add_k_proj"), config.width(), config.width()),
                             nn::Linear(cross.sub("add_v_proj"), config.width(), config.width()),
                             nn::RmsNorm(cross.sub("norm_added_k"), config.width(), config.eps)});
  }
}

WanContext WanBlock::project(const at::Tensor& text, const at::Tensor& image) const {
  WanContext context{cross_.project(text), {}};
  if (added_) {
    context.image = {added_->norm(added_->k(image)).unflatten(-1, {heads_, -1}),
                     added_->v(image).unflatten(-1, {heads_, -1})};
  }
  return context;
}

at::Tensor WanBlock::attend(const at::Tensor& x, const nn::RotaryTable& rotary) const {
  const auto [k, v] = self_.project(x);
  return self_.output(
      ops::attention(nn::rotate(self_.queries(x), rotary), nn::rotate(k, rotary), v));
}

at::Tensor WanBlock::attend(const at::Tensor& x, const WanContext& context) const {
  const at::Tensor q = cross_.queries(x);
  at::Tensor attended = ops::attention(q, context.text.k, context.text.v);
  // A softmax of its own: what the image adds does not depend on how long the text is.
  if (added_) attended = attended + ops::attention(q, context.image.k, context.image.v);
  return cross_.output(attended);
}

at::Tensor WanBlock::operator()(const at::Tensor& x, const at::Tensor& modulation,
                                const nn::RotaryTable& rotary, const WanContext& context) const {
  const auto m = (scale_shift_table_ + modulation.to(at::kFloat)).chunk(6, 1);  // [b, 1, c] each
  const at::Tensor &shift = m[0], &scale = m[1], &gate = m[2];
  const at::Tensor &ffn_shift = m[3], &ffn_scale = m[4], &ffn_gate = m[5];
  at::Tensor h = gated_add(x, gate, attend(nn::modulated_norm(x, scale, shift, eps_), rotary));
  h = h + attend(norm2_(h), context);
  const at::Tensor inner = up_(nn::modulated_norm(h, ffn_scale, ffn_shift, eps_));
  return gated_add(h, ffn_gate, down_(ops::activate(inner, Activation::kGeluTanh)));
}

}  // namespace zoetrope::models
