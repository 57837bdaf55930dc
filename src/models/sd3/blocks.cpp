#include "models/sd3/blocks.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "ops/attention.h"

namespace zoetrope::models {
namespace {

using nn::QueryKeyValue;
using weights::Scope;
using Kind = Sd3Stream::Kind;

constexpr int64_t kFeedForwardMultiple = 4;
constexpr Sd3Projections::Names kProjections{"to_q", "to_k", "to_v", "norm_q", "norm_k"};
constexpr Sd3Stream::Names kImage{"norm1", kProjections, "to_out.0", "ff"};
constexpr Sd3Stream::Names kText{
    "norm1_context",
    {"add_q_proj", "add_k_proj", "add_v_proj", "norm_added_q", "norm_added_k"},
    "to_add_out",
    "ff_context"};

// Of how many vectors the modulations of a stream are made.
int64_t modulation_parts(Kind kind) {
  return kind == Kind::kUnseen ? 2 : kind == Kind::kDual ? 9 : 6;
}

Kind image_kind(const Sd3Config& config, int64_t index) {
  const auto& dual = config.dual_attention_layers;
  return std::find(dual.begin(), dual.end(), index) == dual.end() ? Kind::kPlain : Kind::kDual;
}

}  // namespace

at::Tensor Sd3Modulation::norm(const at::Tensor& x) const {
  return nn::modulated_norm(x, scale, shift, kSd3NormEps);
}

at::Tensor Sd3Modulation::add(const at::Tensor& x, const at::Tensor& branch) const {
  return at::addcmul(x, gate, branch);
}

// ---- Sd3Projections -------------------------------------------------------------------------

Sd3Projections::Sd3Projections(const Scope& scope, const Names& names, const Sd3Config& c)
    : heads_{c.num_attention_heads, c.attention_head_dim},
      qkv_(scope, {names.q, names.k, names.v}, c.width(), c.width(), nn::Bias::kPresent) {
  if (!c.qk_norm) return;
  norm_q_.emplace(scope.sub(names.norm_q), c.attention_head_dim, kSd3NormEps);
  norm_k_.emplace(scope.sub(names.norm_k), c.attention_head_dim, kSd3NormEps);
}

QueryKeyValue Sd3Projections::operator()(const at::Tensor& x) const {
  const auto parts = qkv_(x).unflatten(-1, {3, heads_.heads, heads_.head_dim}).unbind(-3);
  return {norm_q_ ? (*norm_q_)(parts[0]) : parts[0], norm_k_ ? (*norm_k_)(parts[1]) : parts[1],
          parts[2]};
}

// ---- Sd3Stream ------------------------------------------------------------------------------

Sd3Stream::Sd3Stream(const Scope& scope, const Names& names, const Sd3Config& c, Kind kind)
    : modulation_(scope.sub(names.modulation).sub("linear"), c.width(),
                  modulation_parts(kind) * c.width()),
      projections_(scope.sub("attn"), names.projections, c) {
  if (kind == Kind::kUnseen) return;
  rest_.emplace(Rest{nn::Linear(scope.sub("attn").sub(names.out), c.width(), c.width()),
                     nn::GeluFeedForward(scope.sub(names.feed_forward), c.width(),
                                         kFeedForwardMultiple * c.width())});
  if (kind == Kind::kPlain) return;
  const Scope dual = scope.sub("attn2");
  dual_.emplace(Dual{Sd3Projections(dual, kProjections, c),
                     nn::Linear(dual.sub(names.out), c.width(), c.width())});
}

Sd3Stream::Modulations Sd3Stream::modulations(const at::Tensor& embedding) const {
  const int64_t parts = modulation_.out_features() / embedding.size(-1);
  const auto m = modulation_(embedding).unsqueeze(1).chunk(parts, -1);
  if (!rest_) return {{m[1], m[0], {}}, {}, {}};  // here the scale comes before the shift
  if (!dual_) return {{m[0], m[1], m[2]}, {m[3], m[4], m[5]}, {}};
  return {{m[0], m[1], m[2]}, {m[3], m[4], m[5]}, {m[6], m[7], m[8]}};
}

QueryKeyValue Sd3Stream::project(const at::Tensor& x, const Modulations& m) const {
  return projections_(m.attention.norm(x));
}

at::Tensor Sd3Stream::finish(const at::Tensor& x, const at::Tensor& attended,
                             const Modulations& m) const {
  if (!rest_) return x;
  at::Tensor h = m.attention.add(x, rest_->out(attended.flatten(-2)));
  if (dual_) {
    const QueryKeyValue own = dual_->projections(m.dual.norm(x));
    h = m.dual.add(h, dual_->out(ops::attention(own.q, own.k, own.v).flatten(-2)));
  }
  return m.feed_forward.add(h, rest_->feed_forward(m.feed_forward.norm(h)));
}

// ---- Sd3Block -------------------------------------------------------------------------------

Sd3Block::Sd3Block(const Scope& scope, const Sd3Config& config, int64_t index)
    : image_(scope, kImage, config, image_kind(config, index)),
      text_(scope, kText, config, index + 1 == config.num_layers ? Kind::kUnseen : Kind::kPlain) {}

at::Tensor Sd3Block::operator()(const at::Tensor& x, int64_t text_tokens,
                                const at::Tensor& embedding) const {
  const auto halves = [&](const at::Tensor& t) {
    return t.split_with_sizes({x.size(1) - text_tokens, text_tokens}, 1);
  };
  const auto stream = halves(x);
  const auto of_image = image_.modulations(embedding);
  const auto of_text = text_.modulations(embedding);

  const QueryKeyValue image = image_.project(stream[0], of_image);
  const QueryKeyValue text = text_.project(stream[1], of_text);
  const auto attended = halves(ops::attention(
      at::cat({image.q, text.q}, 1), at::cat({image.k, text.k}, 1), at::cat({image.v, text.v}, 1)));
  return at::cat({image_.finish(stream[0], attended[0], of_image),
                  text_.finish(stream[1], attended[1], of_text)},
                 1);
}

}  // namespace zoetrope::models
