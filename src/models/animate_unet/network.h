// The image-to-video U-Net: predicts the noise (or v) of a clip's latents from the noisy latents,
// the noise level, a text, the first picture and a frame-rate or motion value.
//
// Source: "I2VGen-XL: High-Quality Image-to-Video Synthesis via Cascaded Diffusion Models"
// (2311.04145) as implemented by diffusers' I2VGenXLUNet, whose checkpoints load unchanged.
// Stateless after construction: any thread may call it.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <string>
#include <vector>

#include "models/animate_unet/blocks.h"
#include "models/animate_unet/config.h"
#include "models/denoiser.h"
#include "nn/attention.h"
#include "nn/block_stack.h"
#include "nn/conv.h"
#include "nn/embedding.h"
#include "nn/norm.h"
#include "weights/parameters.h"

namespace zoetrope::models {

class AnimateUnet final : public Denoiser {
 public:
  AnimateUnet(const AnimateUnetConfig& config, const weights::Scope& scope);

  struct Inputs {
    at::Tensor text;              // [b, n, cross_attention_dim]: the text encoder's last state
    at::Tensor image_latents;     // [b, f, h, w, in_channels]: condition of every frame
    at::Tensor image_embeddings;  // [b, cross_attention_dim], only with config.image_embeddings
    at::Tensor fps;               // [b]; a negative value means "not given"
    at::Tensor guidance = {};     // [b, 2]: image and text scale, only with config.guidance_embeds
  };

  // Everything that stays the same over the denoising steps of a request.
  struct Conditioning {
    at::Tensor image_latents;             // [b, f, h', w', c'] as concatenated to the sample
    at::Tensor embedding;                 // [b, e]: of fps and guidance
    std::vector<nn::KeyValue> attention;  // keys and values of each spatial transformer, in order

    DenoiserConditioning flatten() const;
  };
  Conditioning condition(const Inputs& inputs) const;

  // The two halves of Conditioning::attention. context: all tokens the transformers attend to,
  // [b, n, cross_attention_dim]. Keys and values may have more rows than the sample has clips
  // (one a frame): then each row serves the frames that are its share.
  at::Tensor context(const Inputs& inputs) const;
  std::vector<nn::KeyValue> project_context(const at::Tensor& context) const;

  // sample [b, f, h, w, in_channels], timestep [b] -> [b, f, h, w, out_channels]. All floating
  // inputs have the dtype of the weights, but for timestep and fps (any floating dtype). With a
  // `stack` the blocks of stacked_blocks() run through it.
  at::Tensor forward(const at::Tensor& sample, const at::Tensor& timestep,
                     const Conditioning& conditioning, nn::BlockStack* stack = nullptr) const;

  // As a Denoiser, whose inputs are called "text", "image_latents", "image_embeddings", "fps" and
  // "guidance".
  DenoiserConditioning condition(const weights::ParameterMap& inputs,
                                 const LatentShape& latents) const override;
  at::Tensor forward(const at::Tensor& sample, const at::Tensor& timestep,
                     const DenoiserConditioning& conditioning,
                     nn::BlockStack* stack) const override;

  // In the order of a forward pass: "down_blocks.0.0.temporal_conv", "down_blocks.0.0.spatial", ...
  std::vector<std::string> stacked_blocks() const;

  const AnimateUnetConfig& config() const { return config_; }

 private:
  // Residual block, temporal convolutions and, in attention blocks, the two transformers.
  struct Unit {
    ResnetBlock resnet;
    TemporalConvBlock temporal_conv;
    std::optional<SpatialTransformer> attention;
    std::optional<TemporalTransformer> temporal_attention;
    std::string path;
  };
  struct Block {
    std::vector<Unit> units;
    std::optional<nn::Conv2d> resample;  // downsamplers.0 or upsamplers.0
  };

  // Calls visit(unit) in the order of a forward pass.
  template <typename Visit>
  void for_each_unit(const Visit& visit) const;
  Unit make_unit(const weights::Scope& block, int64_t index, int64_t in, int64_t out,
                 bool attention, int64_t level) const;
  void build_down(const weights::Scope& scope);
  void build_up(const weights::Scope& scope);
  void build_conditioning(const weights::Scope& scope);
  at::Tensor guidance_embedding(const at::Tensor& guidance, at::ScalarType dtype) const;
  at::Tensor image_tokens(const at::Tensor& first_frame) const;       // [b, h, w, c] -> [b, n, ctx]
  at::Tensor encoded_image_latents(const at::Tensor& latents) const;  // [b, f, h, w, c]

  AnimateUnetConfig config_;
  nn::Conv2d conv_in_;
  std::optional<TemporalTransformer> transformer_in_;
  nn::EmbeddingMlp time_embedding_, fps_embedding_;
  std::optional<nn::EmbeddingMlp> guidance_embedding_;

  // Conditioning on the first picture.
  std::vector<nn::Conv2d> image_context_;            // image_latents_context_embedding
  at::Tensor image_position_;                        // [n, cross_attention_dim] or undefined
  std::optional<nn::EmbeddingMlp> image_embedding_;  // context_embedding
  std::vector<nn::Conv2d> image_proj_;               // image_latents_proj_in
  struct ImageTemporalEncoder {
    nn::LayerNorm norm;
    nn::SelfAttentionProjections attention;
    nn::Linear ff_in, ff_out;
  };
  std::optional<ImageTemporalEncoder> image_temporal_;

  std::vector<Block> down_, up_;
  std::vector<Unit> middle_;  // a unit whose transformers follow it, then a plain one
  nn::GroupNorm conv_norm_out_;
  nn::Conv2d conv_out_;
};

}  // namespace zoetrope::models
