// Stable Diffusion 3 and 3.5 (Esser et al., arXiv 2403.03206; diffusers, models/transformers/
// transformer_sd3.py: SD3Transformer2DModel, whose checkpoints load unchanged): a transformer over
// the patches of a noisy picture and the tokens of a text, which predicts the flow's velocity.
//
// Stateless after construction: any thread may call it.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "models/sd3/blocks.h"
#include "models/sd3/config.h"
#include "nn/block_stack.h"
#include "nn/conv.h"
#include "nn/embedding.h"
#include "nn/linear.h"
#include "weights/parameters.h"

namespace zoetrope::models {

class Sd3 {
 public:
  Sd3(const Sd3Config& config, const weights::Scope& scope);

  // Everything that stays the same over the denoising steps of a request.
  struct Conditioning {
    at::Tensor text;       // [b, n, c]
    at::Tensor pooled;     // [b, c]
    at::Tensor positions;  // [1, rows * columns, c]
  };
  // text [b, n, joint_attention_dim], pooled_text [b, pooled_projection_dim], in the dtype of the
  // weights; for a picture of rows x columns patches, at most pos_embed_max_size each.
  Conditioning condition(const at::Tensor& text, const at::Tensor& pooled_text, int64_t rows,
                         int64_t columns) const;

  // sample [b, h, w, in_channels] in the dtype of the weights, timestep [b] in 0..1000 of any
  // floating dtype -> [b, h, w, out_channels]. Each block runs through the stack, if there is one,
  // on the tokens of image and text joined.
  at::Tensor forward(const at::Tensor& sample, const at::Tensor& timestep,
                     const Conditioning& conditioning, nn::BlockStack* stack = nullptr) const;

  const Sd3Config& config() const { return config_; }

 private:
  Sd3Config config_;
  nn::Conv2d patch_embedding_;
  at::Tensor positions_;  // [pos_embed_max_size, pos_embed_max_size, c]
  nn::EmbeddingMlp timestep_embedder_, text_embedder_;
  nn::Linear context_embedder_;
  std::vector<Sd3Block> blocks_;
  nn::Linear norm_out_, proj_out_;
};

}  // namespace zoetrope::models
