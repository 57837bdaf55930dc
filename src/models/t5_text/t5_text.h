// The encoders of T5 v1.1 and UMT5 (Raffel et al., arXiv 1910.10683; Chung et al., arXiv
// 2304.09151; transformers models/t5/modeling_t5.py: T5EncoderModel and models/umt5/
// modeling_umt5.py: UMT5EncoderModel). They differ in one thing: T5's layers share the position
// bias of the first, UMT5's have one each. Checkpoints of both load as they are.
//
// fp32 and bf16. Not fp16: values inside the larger models exceed its range (transformers keeps the
// last feed-forward layer in fp32 and clamps the rest for that reason).
//
// Immutable after construction; any thread may call it.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "nn/linear.h"
#include "nn/norm.h"
#include "weights/json_config.h"
#include "weights/parameters.h"

namespace zoetrope::models {

// Field names and defaults are transformers' T5Config.
struct T5TextConfig {
  int64_t vocab_size = 32128;
  int64_t d_model = 512;
  int64_t d_kv = 64;  // width of a head
  int64_t d_ff = 2048;
  int64_t num_layers = 6;
  int64_t num_heads = 8;
  int64_t relative_attention_num_buckets = 32;
  int64_t relative_attention_max_distance = 128;
  double layer_norm_epsilon = 1e-6;
  bool position_bias_per_layer = false;  // model_type is "umt5", not "t5"

  // Throws base::Error naming the field: kInvalidArgument, or kUnimplemented for another model_type
  // or another feed_forward_proj than "gated-gelu" (the first T5, before v1.1).
  static T5TextConfig from_json(const weights::JsonObject& json);
};

class T5Text {
 public:
  // Throws base::Error(kUnimplemented) if the parameters are fp16.
  T5Text(const weights::Scope& scope, const T5TextConfig& config);

  // token_ids [b, n] int64; mask [b, n] of any dtype, zero at the padding, which is then not
  // attended to; undefined: padding is text like the rest (as FLUX was trained).
  // -> [b, n, d_model] in the parameters' dtype, after the final norm.
  at::Tensor operator()(const at::Tensor& token_ids, const at::Tensor& mask = {}) const;

  const T5TextConfig& config() const { return config_; }

 private:
  struct Layer {
    nn::RmsNorm attention_norm;
    nn::FusedLinear qkv;
    nn::Linear out;
    at::Tensor position_bias;  // [buckets, heads]; undefined where it is the first layer's
    nn::RmsNorm feed_forward_norm;
    nn::FusedLinear gate_and_value;
    nn::Linear down;
  };
  at::Tensor attend(const Layer& layer, const at::Tensor& x, const at::Tensor& bias) const;

  T5TextConfig config_;
  at::Tensor token_embedding_;  // [vocab, d_model]
  std::vector<Layer> layers_;
  nn::RmsNorm final_norm_;
};

}  // namespace zoetrope::models
