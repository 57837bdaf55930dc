// The blocks of Stable Diffusion 3 (Esser et al., arXiv 2403.03206; diffusers, models/attention.py:
// JointTransformerBlock): image and text have weights of their own and attend to each other. A
// block maps the joined tokens, [b, n, c], image first, to that shape, and is of the form x + f(x).
// Immutable after construction; any thread may call them.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <string_view>

#include "models/sd3/config.h"
#include "nn/attention.h"
#include "nn/feed_forward.h"
#include "nn/linear.h"
#include "nn/norm.h"
#include "weights/parameters.h"

namespace zoetrope::models {

inline constexpr double kSd3NormEps = 1e-6;

// Shift and scale of an adaptive norm, and the gate of the branch behind it; [b, 1, c] each.
struct Sd3Modulation {
  at::Tensor shift, scale, gate;
  // The norm of x, [b, n, c].
  at::Tensor norm(const at::Tensor& x) const;
  // x + gate * branch
  at::Tensor add(const at::Tensor& x, const at::Tensor& branch) const;
};

// Queries, keys and values; where the configuration says so the first two are normalised a head at
// a time.
class Sd3Projections {
 public:
  // What a checkpoint calls the layers.
  struct Names {
    std::string_view q, k, v, norm_q, norm_k;
  };
  Sd3Projections(const weights::Scope& scope, const Names& names, const Sd3Config& config);
  nn::QueryKeyValue operator()(const at::Tensor& x) const;  // [b, n, c] -> [b, n, heads, d] each

 private:
  nn::HeadLayout heads_;
  nn::FusedLinear qkv_;
  std::optional<nn::RmsNorm> norm_q_, norm_k_;
};

// A block's half: the layers of image or text.
class Sd3Stream {
 public:
  struct Names {
    std::string_view modulation;
    Sd3Projections::Names projections;
    std::string_view out, feed_forward;
  };
  enum class Kind {
    kPlain,
    kDual,    // the tokens attend to each other besides
    kUnseen,  // what becomes of the tokens nobody reads: the text of the last block
  };
  Sd3Stream(const weights::Scope& scope, const Names& names, const Sd3Config& config, Kind kind);

  struct Modulations {
    Sd3Modulation attention, feed_forward, dual;
  };
  Modulations modulations(const at::Tensor& embedding) const;  // [b, c], after SiLU
  nn::QueryKeyValue project(const at::Tensor& x, const Modulations& m) const;
  // x after the attention's result, [b, n, heads, d], and the feed-forward layer.
  at::Tensor finish(const at::Tensor& x, const at::Tensor& attended, const Modulations& m) const;

 private:
  struct Rest {
    nn::Linear out;
    nn::GeluFeedForward feed_forward;
  };
  struct Dual {
    Sd3Projections projections;
    nn::Linear out;
  };
  nn::Linear modulation_;
  Sd3Projections projections_;
  std::optional<Rest> rest_;
  std::optional<Dual> dual_;
};

class Sd3Block {
 public:
  Sd3Block(const weights::Scope& scope, const Sd3Config& config, int64_t index);
  // The last `text_tokens` of x are the text. embedding [b, c]: time and text as one vector, after
  // SiLU.
  at::Tensor operator()(const at::Tensor& x, int64_t text_tokens,
                        const at::Tensor& embedding) const;

 private:
  Sd3Stream image_, text_;
};

}  // namespace zoetrope::models
