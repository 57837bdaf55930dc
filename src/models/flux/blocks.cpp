#include "models/flux/blocks.h"

#include <ATen/ATen.h>

#include <cstdint>
#include <vector>

#include "ops/activation.h"
#include "ops/attention.h"

namespace zoetrope::models {
namespace {

using nn::QueryKeyValue;
using weights::Scope;

constexpr int64_t kFeedForwardMultiple = 4;
constexpr FluxProjections::Names kProjections{"to_q", "to_k", "to_v", "norm_q", "norm_k"};
constexpr FluxStream::Names kImage{"norm1", kProjections, "to_out.0", "ff"};
constexpr FluxStream::Names kText{
    "norm1_context",
    {"add_q_proj", "add_k_proj", "add_v_proj", "norm_added_q", "norm_added_k"},
    "to_add_out",
    "ff_context"};

// The modulations that a linear layer made of the embedding, [b, 3 * c * count].
std::vector<at::Tensor> parts_of(const at::Tensor& modulations, int64_t count) {
  return modulations.unsqueeze(1).chunk(3 * count, -1);
}

at::Tensor attend(const QueryKeyValue& h, const nn::RotaryTable& rope) {
  return ops::attention(nn::rotate(h.q, rope), nn::rotate(h.k, rope), h.v);
}

}  // namespace

at::Tensor FluxModulation::norm(const at::Tensor& x) const {
  return nn::modulated_norm(x, scale, shift, kFluxNormEps);
}

at::Tensor FluxModulation::add(const at::Tensor& x, const at::Tensor& branch) const {
  return at::addcmul(x, gate, branch);
}

// ---- FluxProjections ------------------------------------------------------------------------

FluxProjections::FluxProjections(const Scope& scope, const Names& names, const FluxConfig& c)
    : heads_{c.num_attention_heads, c.attention_head_dim},
      qkv_(scope, {names.q, names.k, names.v}, c.width(), c.width(), nn::Bias::kPresent),
      norm_q_(scope.sub(names.norm_q), c.attention_head_dim, kFluxNormEps),
      norm_k_(scope.sub(names.norm_k), c.attention_head_dim, kFluxNormEps) {}

QueryKeyValue FluxProjections::operator()(const at::Tensor& x) const {
  const auto parts = qkv_(x).unflatten(-1, {3, heads_.heads, heads_.head_dim}).unbind(-3);
  return {norm_q_(parts[0]), norm_k_(parts[1]), parts[2]};
}

// ---- FluxStream -----------------------------------------------------------------------------

FluxStream::FluxStream(const Scope& scope, const Names& names, const FluxConfig& c)
    : modulation_(scope.sub(names.modulation).sub("linear"), c.width(), 6 * c.width()),
      projections_(scope.sub("attn"), names.projections, c),
      out_(scope.sub("attn").sub(names.out), c.width(), c.width()),
      feed_forward_(scope.sub(names.feed_forward), c.width(), kFeedForwardMultiple * c.width()) {}

FluxStream::Modulations FluxStream::modulations(const at::Tensor& embedding) const {
  const auto m = parts_of(modulation_(embedding), 2);
  return {{m[0], m[1], m[2]}, {m[3], m[4], m[5]}};
}

QueryKeyValue FluxStream::project(const at::Tensor& x, const Modulations& m) const {
  return projections_(m.attention.norm(x));
}

at::Tensor FluxStream::finish(const at::Tensor& x, const at::Tensor& attended,
                              const Modulations& m) const {
  const at::Tensor h = m.attention.add(x, out_(attended.flatten(-2)));
  return m.feed_forward.add(h, feed_forward_(m.feed_forward.norm(h)));
}

// ---- FluxDoubleBlock ------------------------------------------------------------------------

FluxDoubleBlock::FluxDoubleBlock(const Scope& scope, const FluxConfig& config)
    : text_(scope, kText, config), image_(scope, kImage, config) {}

at::Tensor FluxDoubleBlock::operator()(const at::Tensor& x, int64_t text_tokens,
                                       const FluxBlockInputs& in) const {
  const int64_t image_tokens = x.size(1) - text_tokens;
  const auto halves = [&](const at::Tensor& t) {
    return t.split_with_sizes({text_tokens, image_tokens}, 1);
  };
  const auto stream = halves(x);
  const auto of_text = text_.modulations(in.embedding);
  const auto of_image = image_.modulations(in.embedding);

  const QueryKeyValue text = text_.project(stream[0], of_text);
  const QueryKeyValue image = image_.project(stream[1], of_image);
  const at::Tensor attended = attend(
      {at::cat({text.q, image.q}, 1), at::cat({text.k, image.k}, 1), at::cat({text.v, image.v}, 1)},
      in.rope);
  const auto a = halves(attended);
  return at::cat({text_.finish(stream[0], a[0], of_text), image_.finish(stream[1], a[1], of_image)},
                 1);
}

// ---- FluxSingleBlock ------------------------------------------------------------------------

FluxSingleBlock::FluxSingleBlock(const Scope& scope, const FluxConfig& c)
    : modulation_(scope.sub("norm").sub("linear"), c.width(), 3 * c.width()),
      projections_(scope.sub("attn"), kProjections, c),
      up_(scope.sub("proj_mlp"), c.width(), kFeedForwardMultiple * c.width()),
      out_(scope.sub("proj_out"), (1 + kFeedForwardMultiple) * c.width(), c.width()) {}

at::Tensor FluxSingleBlock::operator()(const at::Tensor& x, const FluxBlockInputs& in) const {
  const auto parts = parts_of(modulation_(in.embedding), 1);
  const FluxModulation m{parts[0], parts[1], parts[2]};
  const at::Tensor h = m.norm(x);
  const at::Tensor a = attend(projections_(h), in.rope).flatten(-2);
  const at::Tensor f = ops::activate(up_(h), ops::Activation::kGeluTanh);
  return m.add(x, out_(at::cat({a, f}, -1)));  // x + gate * W [a, gelu(up h)]
}

}  // namespace zoetrope::models
