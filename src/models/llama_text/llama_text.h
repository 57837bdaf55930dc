// Llama 3.1 as a text encoder: its hidden states, not its words (Grattafiori et al., "The Llama 3
// herd of models", arXiv 2407.21783; transformers, models/llama/modeling_llama.py). Checkpoints of
// LlamaForCausalLM load as they are (its lm_head.weight is left out), and those of LlamaModel,
// whose names lack the prefix `model.`.
// Immutable after construction; any thread may call it.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "models/llama_text/config.h"
#include "nn/feed_forward.h"
#include "nn/linear.h"
#include "nn/norm.h"
#include "nn/rotary.h"
#include "ops/attention.h"
#include "weights/parameters.h"

namespace zoetrope::models {

class LlamaText {
 public:
  LlamaText(const weights::Scope& scope, const LlamaTextConfig& config);

  // token_ids [b, n] int64; mask [b, n], nonzero for a prompt's tokens and zero for the padding
  // behind them, or undefined: nothing is padding. Positions count from 0.
  //
  // Returns the states called `wanted`, in that order, [b, n, hidden_size] each in the weights'
  // dtype. They count as in transformers' output_hidden_states: 0 is the embedding, i the output of
  // layer i, and num_hidden_layers, the last, has gone through the final norm besides. Layers
  // behind the last one wanted do not run. Throws base::Error(kInvalidArgument).
  std::vector<at::Tensor> operator()(const at::Tensor& token_ids, const at::Tensor& mask,
                                     const std::vector<int64_t>& wanted) const;

  const LlamaTextConfig& config() const { return config_; }

 private:
  struct Layer {
    nn::RmsNorm input_norm;
    nn::Linear q;
    nn::FusedLinear kv;
    nn::Linear out;
    nn::RmsNorm post_attention_norm;
    nn::SwigluFeedForward feed_forward;
  };
  at::Tensor run(const Layer& layer, const at::Tensor& x, const nn::RotaryTable& positions,
                 const ops::AttentionMask& mask) const;

  LlamaTextConfig config_;
  at::Tensor token_embedding_;  // [vocab, c]
  std::vector<Layer> layers_;
  nn::RmsNorm final_norm_;
};

}  // namespace zoetrope::models
