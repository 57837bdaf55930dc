#include "models/flux/blocks.h"

#include <ATen/ATen.h>

#include <cstdint>
#include <vector>

#include "ops/activation.h"
#include "ops/attention.h"

namespace zoetrope::models {
namespace {

using nn::Modulation;
using nn::StreamHeads;
using weights::Scope;

constexpr int64_t kFeedForwardMultiple = 4;
constexpr nn::ProjectionNames kProjections{"to_q", "to_k", "to_v", "norm_q", "norm_k"};
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

nn::StreamProjections projections(const Scope& scope, const nn::ProjectionNames& names,
                                  const FluxConfig& c) {
  return {scope,
          names,
          {c.num_attention_heads, c.attention_head_dim},
          nn::NormSpan::kHead,
          kFluxNormEps};
}

at::Tensor attend(const std::vector<StreamHeads>& streams, const nn::RotaryTable& rope) {
  const auto [q, k, v] = nn::join(streams, rope);
  return ops::attention(q, k, v);
}

}  // namespace

// ---- FluxStream -----------------------------------------------------------------------------

FluxStream::FluxStream(const Scope& scope, const Names& names, const FluxConfig& c)
    : modulation_(scope.sub(names.modulation).sub("linear"), c.width(), 6 * c.width()),
      projections_(projections(scope.sub("attn"), names.projections, c)),
      out_(scope.sub("attn").sub(names.out), c.width(), c.width()),
      feed_forward_(scope.sub(names.feed_forward), c.width(), kFeedForwardMultiple * c.width()) {}

FluxStream::Modulations FluxStream::modulations(const at::Tensor& embedding) const {
  const auto m = parts_of(modulation_(embedding), 2);
  return {{m[0], m[1], m[2]}, {m[3], m[4], m[5]}};
}

StreamHeads FluxStream::project(const at::Tensor& x, const Modulations& m) const {
  return projections_(m.attention.norm(x, kFluxNormEps, projections_.input_format()));
}

at::Tensor FluxStream::finish(const at::Tensor& x, const at::Tensor& attended,
                              const Modulations& m) const {
  const auto [h, in] = m.feed_forward.norm({x, m.attention.gate, out_(attended.flatten(-2))},
                                           kFluxNormEps, feed_forward_.input_format());
  return m.feed_forward.add(h, feed_forward_(in));
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

  const at::Tensor attended =
      attend({text_.project(stream[0], of_text), image_.project(stream[1], of_image)}, in.rope);
  const auto a = halves(attended);
  return at::cat({text_.finish(stream[0], a[0], of_text), image_.finish(stream[1], a[1], of_image)},
                 1);
}

// ---- FluxSingleBlock ------------------------------------------------------------------------

FluxSingleBlock::FluxSingleBlock(const Scope& scope, const FluxConfig& c)
    : modulation_(scope.sub("norm").sub("linear"), c.width(), 3 * c.width()),
      projections_(projections(scope.sub("attn"), kProjections, c)),
      up_(scope.sub("proj_mlp"), c.width(), kFeedForwardMultiple * c.width()),
      out_(scope.sub("proj_out"), (1 + kFeedForwardMultiple) * c.width(), c.width()) {}

at::Tensor FluxSingleBlock::operator()(const at::Tensor& x, const FluxBlockInputs& in) const {
  const auto parts = parts_of(modulation_(in.embedding), 1);
  const Modulation m{parts[0], parts[1], parts[2]};
  const ops::Rows h = m.norm(x, kFluxNormEps, projections_.input_format());
  const at::Tensor a = attend({projections_(h)}, in.rope).flatten(-2);
  // x + gate * W [a, gelu(up h)]
  return m.add(x, out_(nn::beside(a, up_, h, ops::Activation::kGeluTanh)));
}

}  // namespace zoetrope::models
