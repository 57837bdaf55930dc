// FLUX.1 (Black Forest Labs; diffusers models/transformers/transformer_flux.py:
// FluxTransformer2DModel, whose checkpoints load unchanged): a transformer over the tokens of a
// text and of the patches of a noisy picture, which predicts the flow's velocity at those patches.
//
// Stateless after construction: any thread may call it.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "models/flux/blocks.h"
#include "models/flux/config.h"
#include "nn/block_stack.h"
#include "nn/embedding.h"
#include "nn/linear.h"
#include "nn/rotary.h"
#include "weights/parameters.h"

namespace zoetrope::models {

class Flux {
 public:
  Flux(const FluxConfig& config, const weights::Scope& scope);

  struct Inputs {
    at::Tensor text;         // [b, n, joint_attention_dim], n > 0
    at::Tensor pooled_text;  // [b, pooled_projection_dim]
    at::Tensor guidance;     // [b]: the plain scale (3.5), only with config.guidance_embeds
  };

  // Everything that stays the same over the denoising steps of a request.
  struct Conditioning {
    at::Tensor text;       // [b, n, c]
    at::Tensor embedding;  // [b, c]: of pooled text and guidance
    nn::RotaryTable rope;  // [1, n + rows * columns, d / 2]: of text and image
  };
  // For a picture of rows x columns patches.
  Conditioning condition(const Inputs& inputs, int64_t rows, int64_t columns) const;

  // patches [b, rows * columns, in_channels], rows first; timestep [b] in 0..1000, any floating
  // dtype -> [b, rows * columns, out_channels]. All other floating inputs have the dtype of the
  // weights. Each block runs through the stack, if there is one, on the tokens of text and image
  // joined.
  at::Tensor forward(const at::Tensor& patches, const at::Tensor& timestep,
                     const Conditioning& conditioning, nn::BlockStack* stack = nullptr) const;

  const FluxConfig& config() const { return config_; }

 private:
  FluxConfig config_;
  nn::Linear x_embedder_, context_embedder_;
  nn::EmbeddingMlp timestep_embedder_, text_embedder_;
  std::optional<nn::EmbeddingMlp> guidance_embedder_;
  std::vector<FluxDoubleBlock> double_blocks_;
  std::vector<FluxSingleBlock> single_blocks_;
  nn::Linear norm_out_, proj_out_;
};

}  // namespace zoetrope::models
