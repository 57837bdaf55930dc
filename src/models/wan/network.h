// Wan's video transformer (Wan Team, "Wan: open and advanced large-scale video generative models",
// arXiv 2503.20314; diffusers models/transformers/transformer_wan.py: WanTransformer3DModel), whose
// checkpoints load as they are: Wan2.1 and the two experts of Wan2.2-A14B, from text and from a
// picture. One timestep per clip: Wan2.2-TI2V-5B, which gives every token its own, is not run.
//
// Immutable after construction; any thread may call it. Work is done, and results come, in the
// parameters' dtype; modulation, norms and rotations in fp32.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "models/wan/blocks.h"
#include "models/wan/config.h"
#include "nn/block_stack.h"
#include "nn/embedding.h"
#include "nn/linear.h"
#include "nn/rotary.h"
#include "weights/parameters.h"

namespace zoetrope::models {

class Wan {
 public:
  Wan(const WanConfig& config, const weights::Scope& scope);

  // Sines and cosines of every patch of a clip, [1, n, d / 2]. Throws base::Error naming the size
  // that the patch does not divide.
  nn::RotaryTable positions(int64_t frames, int64_t height, int64_t width) const;

  // What each block's cross-attention sees, projected once per request. text [b, m, text_dim];
  // image_embeddings [b, m, image_dim], undefined where the network takes none.
  std::vector<WanContext> condition(const at::Tensor& text,
                                    const at::Tensor& image_embeddings) const;

  // clip [b, f, h, w, in_channels]: the sample with the conditioning image's channels behind it;
  // timestep [b] in 0..1000 -> the predicted velocity [b, f, h, w, out_channels].
  at::Tensor forward(const at::Tensor& clip, const at::Tensor& timestep,
                     const nn::RotaryTable& rotary, const std::vector<WanContext>& contexts,
                     nn::BlockStack* stack = nullptr) const;

  const WanConfig& config() const { return config_; }
  at::ScalarType dtype() const { return c10::typeMetaToScalarType(patches_.options().dtype()); }

 private:
  at::Tensor unfold(const at::Tensor& tokens, const at::Tensor& clip) const;

  WanConfig config_;
  WanPatchEmbedding patches_;
  nn::EmbeddingMlp time_embedder_;
  nn::Linear time_proj_;
  nn::Linear text_in_, text_out_;
  std::optional<WanImageEmbedding> image_embedder_;
  std::vector<WanBlock> blocks_;
  at::Tensor scale_shift_table_;  // fp32 [1, 2, c]
  nn::Linear proj_out_;
};

}  // namespace zoetrope::models
