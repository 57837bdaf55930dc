#include "models/animate_unet/network.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <functional>
#include <string>

#include "base/status.h"
#include "nn/tap.h"
#include "ops/activation.h"
#include "ops/attention.h"

namespace zoetrope::models {

using nn::Conv2d;
using ops::Activation;
using weights::Init;
using weights::Scope;

namespace {

constexpr int64_t kTransformerInHeads = 8;

// [b, f, h, w, c] <-> [b, f, h / fold, w / fold, c * fold * fold]; channel order as
// torch.nn.PixelUnshuffle: c * fold^2 + row * fold + column.
at::Tensor fold(const at::Tensor& x, int64_t n) {
  if (n == 1) return x;
  const int64_t b = x.size(0), f = x.size(1), h = x.size(2), w = x.size(3), c = x.size(4);
  return x.reshape({b, f, h / n, n, w / n, n, c})
      .permute({0, 1, 2, 4, 6, 3, 5})
      .reshape({b, f, h / n, w / n, c * n * n});
}

at::Tensor unfold(const at::Tensor& x, int64_t n) {
  if (n == 1) return x;
  const int64_t b = x.size(0), f = x.size(1), h = x.size(2), w = x.size(3), c = x.size(4);
  return x.reshape({b, f, h, w, c / (n * n), n, n})
      .permute({0, 1, 2, 5, 3, 6, 4})
      .reshape({b, f, h * n, w * n, c / (n * n)});
}

at::Tensor apply_silu(const at::Tensor& x) { return ops::activate(x, Activation::kSilu); }

}  // namespace

AnimateUnet::AnimateUnet(const AnimateUnetConfig& config, const Scope& scope)
    : config_(config),
      conv_in_(scope.sub("conv_in"), 2 * config.folded_in_channels(),
               config.block_out_channels.front()),
      time_embedding_(scope.sub("time_embedding").sub("linear_1"),
                      scope.sub("time_embedding").sub("linear_2"),
                      config.block_out_channels.front(), config.time_embedding_width(),
                      config.time_embedding_width()),
      fps_embedding_(scope.sub("fps_embedding", 0), scope.sub("fps_embedding", 2),
                     config.block_out_channels.front(), config.time_embedding_width(),
                     config.time_embedding_width()),
      conv_norm_out_(scope.sub("conv_norm_out"), config.norm_num_groups,
                     config.block_out_channels.front(), 1e-5, Activation::kSilu),
      conv_out_(scope.sub("conv_out"), config.block_out_channels.front(),
                config.folded_out_channels(), {.start = nn::Start::kZero}) {
  if (config.temporal_transformer_in) {
    transformer_in_.emplace(scope.sub("transformer_in"), config.block_out_channels.front(),
                            nn::HeadLayout{kTransformerInHeads, config.attention_head_dim}, config);
  }
  if (config.guidance_embeds) {
    // Starts at zero: a student begins as its teacher.
    guidance_embedding_.emplace(
        scope.sub("guidance_embedding", 0), scope.sub("guidance_embedding", 2),
        2 * config.block_out_channels.front(), config.time_embedding_width(),
        config.time_embedding_width(), nn::Start::kZero);
  }
  build_conditioning(scope);
  build_down(scope);
  const int64_t deepest = config.block_out_channels.back();
  const int64_t level = static_cast<int64_t>(config.block_out_channels.size()) - 1;
  const Scope mid = scope.sub("mid_block");
  middle_.push_back(make_unit(mid, 0, deepest, deepest, true, level));
  middle_.push_back(make_unit(mid, 1, deepest, deepest, false, level));
  build_up(scope);
}

void AnimateUnet::build_conditioning(const Scope& scope) {
  const int64_t in = config_.folded_in_channels();
  const int64_t context = config_.cross_attention_dim;
  const Scope tokens = scope.sub("image_latents_context_embedding");
  const int64_t width = config_.image_context_width > 0 ? config_.image_context_width : in * 8;
  image_context_.emplace_back(tokens.sub("0"), in, width);
  image_context_.emplace_back(tokens.sub("3"), width, 2 * width, Conv2d::Options{.stride = 2});
  image_context_.emplace_back(tokens.sub("5"), 2 * width, context, Conv2d::Options{.stride = 2});
  if (config_.position_size > 0) {
    const int64_t side = (config_.image_context_size + 3) / 4;
    image_position_ = tokens.take("position", {side * side, context}, Init::normal(0.02));
  }
  if (config_.image_embeddings) {
    image_embedding_.emplace(scope.sub("context_embedding", 0), scope.sub("context_embedding", 2),
                             context, config_.time_embedding_width(), context * in);
  }
  if (!config_.image_latents_encoder) return;
  const Scope proj = scope.sub("image_latents_proj_in");
  image_proj_.emplace_back(proj.sub("0"), in, in * 4);
  image_proj_.emplace_back(proj.sub("2"), in * 4, in * 4);
  image_proj_.emplace_back(proj.sub("4"), in * 4, in);
  const Scope temporal = scope.sub("image_latents_temporal_encoder");
  image_temporal_ = ImageTemporalEncoder{
      nn::LayerNorm(temporal.sub("norm1"), in),
      nn::SelfAttentionProjections(temporal.sub("attn1"), in, nn::HeadLayout{2, in}),
      nn::Linear(temporal.sub("ff").sub("net", 0).sub("proj"), in, in * 4),
      nn::Linear(temporal.sub("ff").sub("net", 2), in * 4, in)};
}

AnimateUnet::Unit AnimateUnet::make_unit(const Scope& block, int64_t index, int64_t in, int64_t out,
                                         bool attention, int64_t level) const {
  Unit unit{ResnetBlock(block.sub("resnets", index), in, out, config_),
            TemporalConvBlock(block.sub("temp_convs", index), out, config_), std::nullopt,
            std::nullopt, block.path() + "." + std::to_string(index)};
  if (attention) {
    const int64_t side = config_.position_size >> level;
    unit.attention.emplace(block.sub("attentions", index), out, side * side, config_);
    unit.temporal_attention.emplace(
        block.sub("temp_attentions", index), out,
        nn::HeadLayout{out / config_.attention_head_dim, config_.attention_head_dim}, config_);
  }
  return unit;
}

void AnimateUnet::build_down(const Scope& scope) {
  const auto& widths = config_.block_out_channels;
  int64_t channels = widths.front();
  for (size_t level = 0; level < widths.size(); ++level) {
    const Scope block_scope = scope.sub("down_blocks", static_cast<int64_t>(level));
    Block block;
    for (int64_t i = 0; i < config_.layers_per_block; ++i) {
      block.units.push_back(make_unit(block_scope, i, channels, widths[level],
                                      config_.down_block_has_attention[level],
                                      static_cast<int64_t>(level)));
      channels = widths[level];
    }
    if (level + 1 < widths.size()) {
      block.resample.emplace(block_scope.sub("downsamplers", 0).sub("conv"), channels, channels,
                             Conv2d::Options{.stride = 2});
    }
    down_.push_back(std::move(block));
  }
}

void AnimateUnet::build_up(const Scope& scope) {
  const auto& widths = config_.block_out_channels;
  const int64_t levels = static_cast<int64_t>(widths.size());
  int64_t channels = widths.back();
  for (int64_t i = 0; i < levels; ++i) {
    const int64_t level = levels - 1 - i;
    const int64_t out = widths[level];
    const Scope block_scope = scope.sub("up_blocks", i);
    Block block;
    for (int64_t j = 0; j <= config_.layers_per_block; ++j) {
      // The last unit meets the skip made before this level's first unit.
      const int64_t skip =
          j < config_.layers_per_block ? out : widths[std::max<int64_t>(level - 1, 0)];
      block.units.push_back(make_unit(block_scope, j, channels + skip, out,
                                      config_.up_block_has_attention[i], level));
      channels = out;
    }
    if (level > 0) {
      block.resample.emplace(block_scope.sub("upsamplers", 0).sub("conv"), out, out,
                             Conv2d::Options{.enlarging = true});
    }
    up_.push_back(std::move(block));
  }
}

at::Tensor AnimateUnet::image_tokens(const at::Tensor& first_frame) const {
  at::Tensor h = apply_silu(image_context_[0](first_frame));
  const int64_t side = config_.image_context_size;
  if (h.size(1) != side || h.size(2) != side) {
    h = at::adaptive_avg_pool2d(h.permute({0, 3, 1, 2}), {side, side})
            .permute({0, 2, 3, 1})
            .contiguous();
  }
  h = image_context_[2](apply_silu(image_context_[1](h))).flatten(1, 2);
  return image_position_.defined() ? h + image_position_ : h;
}

at::Tensor AnimateUnet::encoded_image_latents(const at::Tensor& latents) const {
  if (!image_temporal_) return latents;
  at::Tensor h = latents.flatten(0, 1);
  h = image_proj_[2](apply_silu(image_proj_[1](apply_silu(image_proj_[0](h)))));
  h = h.reshape(latents.sizes()).flatten(2, 3);  // [b, f, h*w, c]
  const ImageTemporalEncoder& e = *image_temporal_;
  const at::Tensor qkv = e.attention.project_fused(h, {e.norm, {}});
  h = e.attention.output(ops::temporal_attention(qkv), h);
  h = e.ff_out(ops::activate(e.ff_in(h), Activation::kGelu), h);
  return h.reshape(latents.sizes());
}

template <typename Visit>
void AnimateUnet::for_each_unit(const Visit& visit) const {
  for (const Block& block : down_) std::ranges::for_each(block.units, visit);
  std::ranges::for_each(middle_, visit);
  for (const Block& block : up_) std::ranges::for_each(block.units, visit);
}

std::vector<std::string> AnimateUnet::stacked_blocks() const {
  std::vector<std::string> names;
  for_each_unit([&](const Unit& unit) {
    names.push_back(unit.path + ".temporal_conv");
    if (!unit.attention) return;
    names.push_back(unit.path + ".spatial");
    names.push_back(unit.path + ".temporal");
  });
  return names;
}

at::Tensor AnimateUnet::context(const Inputs& inputs) const {
  const at::Tensor first_frame =
      fold(inputs.image_latents.narrow(1, 0, 1), config_.latent_fold).select(1, 0);
  std::vector<at::Tensor> context = {inputs.text, image_tokens(first_frame.contiguous())};
  if (image_embedding_) {
    base::require(inputs.image_embeddings.defined(), "this U-Net needs image_embeddings");
    context.push_back((*image_embedding_)(inputs.image_embeddings)
                          .view({inputs.text.size(0), -1, config_.cross_attention_dim}));
  }
  return at::cat(context, 1);
}

std::vector<nn::KeyValue> AnimateUnet::project_context(const at::Tensor& context) const {
  std::vector<nn::KeyValue> projected;
  for_each_unit([&](const Unit& unit) {
    if (unit.attention) projected.push_back(unit.attention->project_context(context));
  });
  return projected;
}

at::Tensor AnimateUnet::guidance_embedding(const at::Tensor& guidance, at::ScalarType dtype) const {
  base::require(guidance.defined(), "this U-Net needs its guidance scales");
  // Scales of 1 to 10 against embeddings made for timesteps up to 1,000.
  constexpr double kGuidanceScale = 100.0;
  const at::Tensor scales = nn::sinusoidal_embedding(guidance.flatten() * kGuidanceScale,
                                                     config_.block_out_channels.front());
  return (*guidance_embedding_)(scales.view({guidance.size(0), -1}).to(dtype));
}

AnimateUnet::Conditioning AnimateUnet::condition(const Inputs& inputs) const {
  Conditioning out;
  out.image_latents = encoded_image_latents(fold(inputs.image_latents, config_.latent_fold));
  const at::Tensor fps =
      nn::sinusoidal_embedding(inputs.fps.clamp_min(0), config_.block_out_channels.front());
  const at::Tensor given = inputs.fps.ge(0).unsqueeze(1);
  const at::Tensor embedding = fps_embedding_(fps.to(inputs.text.scalar_type()));
  out.embedding = embedding * given.to(embedding.scalar_type());
  if (guidance_embedding_)
    out.embedding = out.embedding + guidance_embedding(inputs.guidance, embedding.scalar_type());
  out.attention = project_context(context(inputs));
  return out;
}

at::Tensor AnimateUnet::forward(const at::Tensor& sample, const at::Tensor& timestep,
                                const Conditioning& conditioning, nn::BlockStack* stack) const {
  const at::Tensor time = nn::sinusoidal_embedding(timestep, config_.block_out_channels.front());
  const at::Tensor embedding =
      apply_silu(time_embedding_(time.to(sample.scalar_type())) + conditioning.embedding);

  auto context = conditioning.attention.begin();
  int64_t stacked = 0;
  const auto through_stack = [&](const at::Tensor& x, const auto& block) {
    return stack == nullptr ? block(x) : stack->run(stacked++, x, std::cref(block));
  };
  const auto run = [&](const Unit& unit, at::Tensor h) {
    h = through_stack(unit.resnet(h, embedding), unit.temporal_conv);
    if (unit.attention) {
      const nn::KeyValue& kv = *context++;
      h = through_stack(h, [&](const at::Tensor& x) { return (*unit.attention)(x, kv); });
      h = through_stack(h, *unit.temporal_attention);
    }
    nn::tap(unit.path, h);
    return h;
  };
  const auto per_frame = [](const at::Tensor& x, const auto& layer) {
    return layer(x.flatten(0, 1)).unflatten(0, {x.size(0), x.size(1)});
  };

  at::Tensor h = at::cat({fold(sample, config_.latent_fold), conditioning.image_latents}, -1);
  h = per_frame(h, conv_in_);
  if (transformer_in_) h = (*transformer_in_)(h);
  nn::tap("conv_in", h);

  std::vector<at::Tensor> skips = {h};
  for (const Block& block : down_) {
    for (const Unit& unit : block.units) skips.push_back(h = run(unit, h));
    if (block.resample) skips.push_back(h = per_frame(h, *block.resample));
  }
  for (const Unit& unit : middle_) h = run(unit, h);
  for (const Block& block : up_) {
    for (const Unit& unit : block.units) {
      h = run(unit, at::cat({h, skips.back()}, -1));
      skips.pop_back();
    }
    if (block.resample) {
      // To the size of the skip connection it will meet: an odd size was rounded up on the way
      // down.
      const int64_t height = skips.back().size(2), width = skips.back().size(3);
      h = per_frame(
          h, [&](const at::Tensor& x) { return block.resample->of_enlarged(x, height, width); });
    }
  }
  h = per_frame(
      h, [&](const at::Tensor& x) { return conv_out_.of_normed(conv_norm_out_.parameters(), x); });
  return unfold(h, config_.latent_fold);
}

}  // namespace zoetrope::models
