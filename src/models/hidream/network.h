// HiDream-I1's network: a sparse diffusion transformer that makes pictures from text (Cai et al.,
// "HiDream-I1: A high-efficient image generative foundation model with sparse diffusion
// transformer", arXiv 2505.22705), as implemented by diffusers' HiDreamImageTransformer2DModel
// (models/transformers/transformer_hidream_image.py), whose checkpoints load unchanged.
// Stateless after construction: any thread may call it.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "models/hidream/blocks.h"
#include "models/hidream/config.h"
#include "nn/block_stack.h"
#include "nn/embedding.h"
#include "nn/linear.h"
#include "nn/rotary.h"
#include "weights/parameters.h"

namespace zoetrope::models {

class HiDream {
 public:
  HiDream(const HiDreamConfig& config, const weights::Scope& scope);

  struct Inputs {
    at::Tensor text;  // [b, m, caption_channels[0]]: T5's tokens
    // [b, layers, n, caption_channels[1]]: what each of Llama's layers gave, the first layer's
    // first (without the embedding), the last with the final norm. llama_layers counts in them.
    at::Tensor llama;
    at::Tensor pooled_text;  // [b, text_emb_dim]: both CLIP encoders' pooled text
  };

  // Everything that stays the same over the denoising steps of a request.
  struct Conditioning {
    at::Tensor text;            // [b, m + n, c]: tokens of T5 and of the last block's Llama layer
    at::Tensor llama;           // [b, blocks, n, c]: tokens of each block's Llama layer
    at::Tensor pooled;          // [b, c]
    nn::RotaryTable positions;  // of all tokens, in the order of HiDreamTokens
  };
  // Of latents `height` x `width`. Throws base::Error naming the input that has the wrong shape.
  Conditioning condition(const Inputs& inputs, int64_t height, int64_t width) const;

  // sample [b, h, w, in_channels], timestep [b] (0 to 1000, any floating dtype) -> the flow
  // [b, h, w, out_channels], noise minus picture, in the dtype of the weights: the checkpoint's
  // output with its sign turned, as diffusers' pipeline does before the scheduler's step. Floating
  // inputs but for the timestep have the dtype of the weights. With a `stack` the blocks run
  // through it: on [b, image + text, c], as blocks.h says.
  at::Tensor forward(const at::Tensor& sample, const at::Tensor& timestep,
                     const Conditioning& conditioning, nn::BlockStack* stack = nullptr) const;

  const HiDreamConfig& config() const { return config_; }

 private:
  // Tokens of latents, and how many of padding the reference adds to them.
  struct Grid {
    int64_t rows, columns, padding;
    int64_t tokens() const { return rows * columns + (padding > 0 ? 1 : 0); }
  };
  Grid grid(int64_t height, int64_t width) const;
  void check(const Inputs& inputs) const;
  at::Tensor image_tokens(const at::Tensor& sample, const Grid& grid) const;
  at::Tensor picture(const at::Tensor& tokens, const at::Tensor& embedding, const Grid& grid) const;

  HiDreamConfig config_;
  nn::EmbeddingMlp time_embedding_, pooled_embedding_;
  nn::Linear patch_embedding_;
  std::vector<nn::Linear> caption_projection_;  // of each block's Llama layer, then of T5
  std::vector<HiDreamDoubleBlock> double_blocks_;
  std::vector<HiDreamSingleBlock> single_blocks_;
  nn::Linear final_modulation_, final_;
};

}  // namespace zoetrope::models
