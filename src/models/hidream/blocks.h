// HiDream's transformer blocks (diffusers, models/transformers/transformer_hidream_image.py:
// HiDreamImageTransformerBlock, HiDreamImageSingleTransformerBlock).
//
// A block maps the image and text tokens x to x + f(x), and sees besides them `context`: the tokens
// of its own Llama layer. What becomes of those nobody reads, so they are keys and values only.
// Immutable after construction; any thread may call them.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "models/hidream/config.h"
#include "models/hidream/experts.h"
#include "nn/feed_forward.h"
#include "nn/joint_heads.h"
#include "nn/linear.h"
#include "nn/norm.h"
#include "nn/rotary.h"
#include "weights/parameters.h"

namespace zoetrope::models {

constexpr double kHiDreamNormEps = 1e-6;

// The tokens of a pass: padding, image, text, context.
//
// Pictures that are not square are padded to the most tokens a picture may have, and the network
// has learnt to live with that: the padding's keys are zero, not hidden, so its values do count.
// Tokens of padding never differ from each other, so one of them, the first token, stands for all.
struct HiDreamTokens {
  int64_t image = 0;          // how many, with the padding's one
  int64_t padding = 0;        // how many the first token stands for; 0: there is none
  nn::RotaryTable positions;  // of all tokens, those of the context last
};

// Image and text tokens have weights of their own and meet in the attention.
class HiDreamDoubleBlock {
 public:
  HiDreamDoubleBlock(const weights::Scope& scope, const HiDreamConfig& config);
  // x [b, image + text, c], context [b, n, c], embedding [b, c] of time and pooled text.
  at::Tensor operator()(const at::Tensor& x, const at::Tensor& context, const at::Tensor& embedding,
                        const HiDreamTokens& tokens) const;

 private:
  nn::Linear modulation_;
  nn::StreamProjections image_, text_;
  nn::Linear image_out_, text_out_;
  RoutedExperts image_feed_forward_;
  nn::SwigluFeedForward text_feed_forward_;
};

// One set of weights for all tokens.
class HiDreamSingleBlock {
 public:
  HiDreamSingleBlock(const weights::Scope& scope, const HiDreamConfig& config);
  at::Tensor operator()(const at::Tensor& x, const at::Tensor& context, const at::Tensor& embedding,
                        const HiDreamTokens& tokens) const;

 private:
  nn::Linear modulation_;
  nn::StreamProjections projections_;
  nn::Linear out_;
  RoutedExperts feed_forward_;
};

}  // namespace zoetrope::models
