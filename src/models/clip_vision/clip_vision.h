// CLIP's image encoder (transformers, models/clip/modeling_clip.py: CLIPVisionModel and
// CLIPVisionModelWithProjection). Checkpoints of both load as they are, with the prefix
// `vision_model.` or without. Immutable after construction; any thread may call it. Differentiable.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>

#include "nn/clip_encoder.h"
#include "nn/linear.h"
#include "nn/norm.h"
#include "weights/json_config.h"
#include "weights/parameters.h"

namespace zoetrope::models {

// Field names and defaults are transformers' CLIPVisionConfig.
struct ClipVisionConfig {
  nn::ClipEncoderConfig encoder{.hidden_size = 768,
                                .intermediate_size = 3072,
                                .num_hidden_layers = 12,
                                .num_attention_heads = 12};
  int64_t num_channels = 3;
  int64_t image_size = 224;
  int64_t patch_size = 32;
  int64_t projection_dim = 512;  // 0: the model has no projection (CLIPVisionModel)

  int64_t positions() const {  // patches and the class token
    return 1 + (image_size / patch_size) * (image_size / patch_size);
  }

  // Throws base::Error(kInvalidArgument), naming the field.
  static ClipVisionConfig from_json(const weights::JsonObject& json);
};

class ClipVision {
 public:
  ClipVision(const weights::Scope& scope, const ClipVisionConfig& config);

  // images [b, image_size, image_size, num_channels], prepared as in preprocess.h
  // -> [b, projection_dim] in the parameters' dtype: the class token, projected if the model has a
  // projection ([b, hidden_size] otherwise).
  at::Tensor operator()(const at::Tensor& images) const;

  // The same images -> [b, positions(), hidden_size]: all tokens before the last layer
  // (hidden_states[-2]), which image-to-video networks attend to.
  at::Tensor penultimate(const at::Tensor& images) const;

  const ClipVisionConfig& config() const { return config_; }

 private:
  at::Tensor embed(const at::Tensor& images) const;  // -> [b, positions, c]

  ClipVisionConfig config_;
  at::Tensor class_embedding_;     // [c]
  at::Tensor patch_embedding_;     // [c, channels, patch, patch]
  at::Tensor position_embedding_;  // [positions, c]
  nn::LayerNorm pre_norm_;
  nn::ClipEncoder encoder_;
  nn::LayerNorm post_norm_;
  std::optional<nn::Linear> projection_;
};

}  // namespace zoetrope::models
