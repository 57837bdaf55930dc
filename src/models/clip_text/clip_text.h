// CLIP's text encoder (Radford et al., "Learning transferable visual models from natural language
// supervision"; transformers, models/clip/modeling_clip.py: CLIPTextModel and
// CLIPTextModelWithProjection). Checkpoints of both load as they are, with the prefix `text_model.`
// or without. Immutable after construction; any thread may call it. Differentiable.
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

// Field names and defaults are transformers' CLIPTextConfig.
struct ClipTextConfig {
  nn::ClipEncoderConfig encoder;
  int64_t vocab_size = 49408;
  int64_t max_position_embeddings = 77;
  int64_t eos_token_id = 49407;
  // Width of the pooled output's projection; 0: the model has none (CLIPTextModel).
  int64_t projection_dim = 0;

  // Throws base::Error(kInvalidArgument), naming the field.
  static ClipTextConfig from_json(const weights::JsonObject& json);
  // What transformers' CLIPTextModel.from_pretrained reads.
  nlohmann::json to_json() const;
};

class ClipText {
 public:
  ClipText(const weights::Scope& scope, const ClipTextConfig& config);

  // token_ids [b, n] int64, n <= max_position_embeddings -> [b, n, hidden_size] in the parameters'
  // dtype, after the final norm. Attention is causal, so what follows a prompt (padding) changes
  // nothing before it.
  at::Tensor operator()(const at::Tensor& token_ids) const;

  struct States {
    at::Tensor penultimate;  // what the last layer is given: transformers' hidden_states[-2]
    at::Tensor last;         // as above
  };
  States states(const at::Tensor& token_ids) const;

  // The row of `hidden` (as returned above for the same ids) at each prompt's end token, projected
  // if the model has a projection. [b, hidden_size or projection_dim]
  at::Tensor pooled(const at::Tensor& hidden, const at::Tensor& token_ids) const;

  const ClipTextConfig& config() const { return config_; }

 private:
  ClipTextConfig config_;
  at::Tensor token_embedding_;     // [vocab, c]
  at::Tensor position_embedding_;  // [max positions, c]
  nn::ClipEncoder encoder_;
  nn::LayerNorm final_norm_;
  std::optional<nn::Linear> projection_;
};

}  // namespace zoetrope::models
