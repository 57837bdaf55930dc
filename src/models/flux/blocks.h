// The two kinds of FLUX's transformer blocks, named as in diffusers (transformer_flux.py). Both map
// the joined tokens of text and image, [b, n, c], text first, to that shape, and both are of the
// form x + f(x). Immutable after construction; any thread may call them.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string_view>

#include "models/flux/config.h"
#include "nn/feed_forward.h"
#include "nn/joint_heads.h"
#include "nn/linear.h"
#include "nn/norm.h"
#include "nn/rotary.h"
#include "weights/parameters.h"

namespace zoetrope::models {

inline constexpr double kFluxNormEps = 1e-6;

// What a block is told besides its tokens.
struct FluxBlockInputs {
  at::Tensor embedding;         // [b, c]: time, guidance and text as one vector, after SiLU
  const nn::RotaryTable& rope;  // of all n tokens
};

// A double-stream block's half: the layers of one stream, text or image.
class FluxStream {
 public:
  struct Names {
    std::string_view modulation;
    nn::ProjectionNames projections;
    std::string_view out, feed_forward;
  };
  FluxStream(const weights::Scope& scope, const Names& names, const FluxConfig& config);

  struct Modulations {
    nn::Modulation attention, feed_forward;
  };
  Modulations modulations(const at::Tensor& embedding) const;
  nn::StreamHeads project(const at::Tensor& x, const Modulations& m) const;
  // x after the attention's result, [b, n, heads, d], and the feed-forward layer.
  at::Tensor finish(const at::Tensor& x, const at::Tensor& attended, const Modulations& m) const;

 private:
  nn::Linear modulation_;
  nn::StreamProjections projections_;
  nn::Linear out_;
  nn::GeluFeedForward feed_forward_;
};

// Text and image have weights of their own and attend to each other.
class FluxDoubleBlock {
 public:
  FluxDoubleBlock(const weights::Scope& scope, const FluxConfig& config);
  // The first `text_tokens` of x are the text.
  at::Tensor operator()(const at::Tensor& x, int64_t text_tokens, const FluxBlockInputs& in) const;

 private:
  FluxStream text_, image_;
};

// Attention and feed-forward side by side, the same weights for text and image.
class FluxSingleBlock {
 public:
  FluxSingleBlock(const weights::Scope& scope, const FluxConfig& config);
  at::Tensor operator()(const at::Tensor& x, const FluxBlockInputs& in) const;

 private:
  nn::Linear modulation_;
  nn::StreamProjections projections_;
  nn::Linear up_, out_;
};

}  // namespace zoetrope::models
