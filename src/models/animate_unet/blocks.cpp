#include "models/animate_unet/blocks.h"

#include <ATen/ATen.h>

#include "base/status.h"
#include "ops/activation.h"
#include "ops/attention.h"

namespace zoetrope::models {

using nn::Start;
using ops::Activation;
using weights::Init;
using weights::Scope;

namespace {

nn::HeadLayout heads_for(int64_t channels, const AnimateUnetConfig& config) {
  return {channels / config.attention_head_dim, config.attention_head_dim};
}

std::string conv_name(int64_t layer) { return "conv" + std::to_string(layer + 1); }

}  // namespace

// ---- ResnetBlock ----------------------------------------------------------------------------

ResnetBlock::ResnetBlock(const Scope& scope, int64_t in, int64_t out, const AnimateUnetConfig& c)
    : scale_shift_(c.time_scale_shift),
      norm1_(scope.sub("norm1"), c.norm_num_groups, in, 1e-5, Activation::kSilu),
      conv1_(scope.sub("conv1"), in, out),
      time_emb_proj_(scope.sub("time_emb_proj"), c.time_embedding_width(),
                     c.time_scale_shift ? 2 * out : out),
      norm2_(scope.sub("norm2"), c.norm_num_groups, out, 1e-5, Activation::kSilu),
      conv2_(scope.sub("conv2"), out, out, {.start = Start::kZero}) {
  if (in != out)
    conv_shortcut_.emplace(scope.sub("conv_shortcut"), in, out,
                           nn::Conv2d::Options{.kernel = 1, .padding = 0});
}

at::Tensor ResnetBlock::operator()(const at::Tensor& x, const at::Tensor& embedding) const {
  const int64_t frames = x.size(1);
  const at::Tensor images = x.flatten(0, 1);  // [b*f, h, w, c]
  // One row a frame: a block normalises each frame apart.
  const at::Tensor e = time_emb_proj_(embedding).repeat_interleave(frames, 0);
  const at::Tensor residual = conv_shortcut_ ? (*conv_shortcut_)(images) : images;
  at::Tensor h = conv1_.of_normed(norm1_.parameters(), images);
  if (scale_shift_) {
    const auto parts = e.chunk(2, 1);
    h = conv2_.of_normed(norm2_.modulated(parts[0], parts[1]), h, residual);
  } else {
    h = conv2_.of_normed(norm2_.parameters(), h + e.unsqueeze(1).unsqueeze(1), residual);
  }
  return h.unflatten(0, {-1, frames});
}

// ---- TemporalConvBlock ----------------------------------------------------------------------

TemporalConvBlock::TemporalConvBlock(const Scope& scope, int64_t channels,
                                     const AnimateUnetConfig& c) {
  for (int64_t i = 0; i < c.temporal_conv_layers; ++i) {
    const Scope layer = scope.sub(conv_name(i));
    // diffusers counts a dropout layer from the second on, which moves the index by one.
    const Start start = i + 1 == c.temporal_conv_layers ? Start::kZero : Start::kDefault;
    layers_.push_back(
        {nn::GroupNorm(layer.sub("0"), c.norm_num_groups, channels, 1e-5, Activation::kSilu),
         nn::TemporalConv(layer.sub(i == 0 ? "2" : "3"), channels, channels, start)});
  }
}

at::Tensor TemporalConvBlock::operator()(const at::Tensor& x) const {
  at::Tensor h = x;
  for (const Layer& layer : layers_) {
    const bool last = &layer == &layers_.back();
    h = layer.conv.of_normed(layer.norm.parameters(), h, last ? x : at::Tensor());
  }
  return h;
}

// ---- TransformerShell -----------------------------------------------------------------------

TransformerShell::TransformerShell(const Scope& scope, int64_t channels, int64_t inner,
                                   const AnimateUnetConfig& c) {
  if (!c.transformer_projections) return;
  projections_ = Projections{nn::GroupNorm(scope.sub("norm"), c.norm_num_groups, channels, 1e-6),
                             nn::Linear(scope.sub("proj_in"), channels, inner),
                             nn::Linear(scope.sub("proj_out"), inner, channels)};
}

at::Tensor TransformerShell::enter(const at::Tensor& x) const {
  return projections_ ? projections_->in(projections_->norm(x)) : x;
}

at::Tensor TransformerShell::leave(const at::Tensor& inner, const at::Tensor& residual) const {
  return projections_ ? projections_->out(inner, residual) : inner;
}

// ---- SpatialTransformer ---------------------------------------------------------------------

SpatialTransformer::SpatialTransformer(const Scope& scope, int64_t channels, int64_t positions,
                                       const AnimateUnetConfig& c)
    : SpatialTransformer(scope, scope.sub("transformer_blocks", 0), channels, positions, c) {}

SpatialTransformer::SpatialTransformer(const Scope& scope, const Scope& block, int64_t channels,
                                       int64_t positions, const AnimateUnetConfig& c)
    : shell_(scope, channels, channels, c),
      norm1_(block.sub("norm1"), channels),
      attn1_(block.sub("attn1"), channels, heads_for(channels, c), Start::kZero),
      norm2_(block.sub("norm2"), channels),
      attn2_(block.sub("attn2"), channels, c.cross_attention_dim, heads_for(channels, c),
             Start::kZero),
      norm3_(block.sub("norm3"), channels),
      ff_(block.sub("ff"), channels, c.feed_forward_multiple * channels, Start::kZero) {
  if (positions > 0) {
    position_ = block.sub("attn1").take("position", {positions, channels}, Init::normal(0.02));
  }
  if (c.first_frame_keys) {
    const nn::HeadLayout heads = heads_for(channels, c);
    first_frame_marker_ =
        block.sub("attn1").take("first_frame_marker", {heads.heads, heads.head_dim}, Init::zeros());
  }
}

nn::KeyValue SpatialTransformer::project_context(const at::Tensor& context) const {
  return attn2_.project(context);
}

at::Tensor SpatialTransformer::add_self_attention(const at::Tensor& x, int64_t frames) const {
  const auto [q, k, v] = attn1_.project(x, {norm1_, position_});  // [b*f, n, heads, d]
  if (!first_frame_marker_.defined()) return attn1_.output(ops::attention(q, k, v), x);
  const auto first_of = [&](const at::Tensor& t) {
    return t.unflatten(0, {-1, frames}).select(1, 0);
  };
  const ops::SharedKeys first{first_of(k) + first_frame_marker_, first_of(v)};
  return attn1_.output(ops::attention(q, k, v, first), x);
}

at::Tensor SpatialTransformer::operator()(const at::Tensor& x, const nn::KeyValue& context) const {
  const int64_t f = x.size(1);
  base::require(context.k.size(0) % x.size(0) == 0, "context: its rows do not fit the clips");
  const at::Tensor images = x.flatten(0, 1);
  at::Tensor h = shell_.enter(images).flatten(1, 2);  // [b*f, h*w, c]
  h = add_self_attention(h, f);
  // All frames of a clip query the one context of the clip: nobody needs to repeat it.
  h = attn2_.add_to(h.reshape({context.k.size(0), -1, h.size(-1)}), norm2_, context);
  h = ff_.add_to(h, norm3_);
  return shell_.leave(h.reshape(images.sizes()), images).reshape(x.sizes());
}

// ---- TemporalTransformer --------------------------------------------------------------------

TemporalTransformer::TemporalTransformer(const Scope& scope, int64_t channels, nn::HeadLayout heads,
                                         const AnimateUnetConfig& c)
    : TemporalTransformer(scope, scope.sub("transformer_blocks", 0), channels, heads, c) {}

TemporalTransformer::TemporalTransformer(const Scope& scope, const Scope& block, int64_t channels,
                                         nn::HeadLayout heads, const AnimateUnetConfig& c)
    : shell_(scope, channels, heads.width(), c),
      norm3_(block.sub("norm3"), heads.width()),
      ff_(block.sub("ff"), heads.width(), c.feed_forward_multiple * heads.width(), Start::kZero) {
  const int count = c.temporal_double_self_attention ? 2 : 1;
  for (int i = 1; i <= count; ++i) {
    const std::string index = std::to_string(i);
    attentions_.push_back({nn::LayerNorm(block.sub("norm" + index), heads.width()),
                           nn::SelfAttentionProjections(block.sub("attn" + index), heads.width(),
                                                        heads, Start::kZero)});
  }
  if (c.position_frames > 0) {
    position_ = block.sub("attn1").take("position", {c.position_frames, 1, heads.width()},
                                        Init::normal(0.02));
  }
}

at::Tensor TemporalTransformer::operator()(const at::Tensor& x) const {
  const int64_t f = x.size(1);
  at::Tensor h = shell_.enter(x).flatten(2, 3);  // [b, f, h*w, c]
  for (size_t i = 0; i < attentions_.size(); ++i) {
    const nn::SelfAttentionProjections& attention = attentions_[i].projections;
    nn::Prologue prologue{attentions_[i].norm, {}};
    if (i == 0 && position_.defined()) {
      prologue.position = position_.slice(0, 0, f).squeeze(1);
      prologue.position_repeat = h.size(2);
    }
    h = attention.output(ops::temporal_attention(attention.project_fused(h, prologue)), h);
  }
  h = ff_.add_to(h, norm3_);
  return shell_.leave(h.unflatten(2, {x.size(2), x.size(3)}), x);
}

}  // namespace zoetrope::models
