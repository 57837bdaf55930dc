#include "models/clip_text/clip_text.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "base/status.h"

namespace zoetrope::models {
namespace {

using weights::Init;
using weights::Scope;

// transformers writes the prefix before version 5 (and reads it ever since).
Scope body(const Scope& scope) {
  return scope.has("text_model.final_layer_norm.weight") ? scope.sub("text_model") : scope;
}

// How CLIP's embeddings start when they are trained from nothing.
constexpr double kTokenStd = 0.02;
constexpr double kPositionStd = 0.01;

// Configurations written before transformers 4.31 carry this wrong id; for them the end token is
// the highest id of a prompt.
constexpr int64_t kLegacyEos = 2;

}  // namespace

ClipText::ClipText(const Scope& scope, const ClipTextConfig& config)
    : config_(config),
      encoder_(body(scope).sub("encoder"), config.encoder),
      final_norm_(body(scope).sub("final_layer_norm"), config.encoder.hidden_size,
                  config.encoder.layer_norm_eps) {
  const Scope embeddings = body(scope).sub("embeddings");
  const int64_t width = config.encoder.hidden_size;
  token_embedding_ = embeddings.take("token_embedding.weight", {config.vocab_size, width},
                                     Init::normal(kTokenStd));
  position_embedding_ =
      embeddings.take("position_embedding.weight", {config.max_position_embeddings, width},
                      Init::normal(kPositionStd));
  if (config.projection_dim > 0) {
    projection_.emplace(scope.sub("text_projection"), width, config.projection_dim,
                        nn::Bias::kNone);
  }
}

at::Tensor ClipText::operator()(const at::Tensor& token_ids) const {
  return states(token_ids).last;
}

ClipText::States ClipText::states(const at::Tensor& token_ids) const {
  base::require(token_ids.dim() == 2, "clip_text: token ids must be [batch, tokens]");
  const int64_t n = token_ids.size(1);
  if (n > config_.max_position_embeddings) {
    throw base::Error(base::StatusCode::kInvalidArgument,
                      fmt::format("clip_text: {} tokens, the model takes at most {}", n,
                                  config_.max_position_embeddings));
  }
  const at::Tensor x =
      at::embedding(token_embedding_, token_ids) + position_embedding_.narrow(0, 0, n);
  const ops::AttentionMask mask{.causal = true, .additive = {}};
  const at::Tensor penultimate = encoder_.penultimate(x, mask);
  return {penultimate, final_norm_(encoder_.last(penultimate, mask))};
}

at::Tensor ClipText::pooled(const at::Tensor& hidden, const at::Tensor& token_ids) const {
  const at::Tensor end = config_.eos_token_id == kLegacyEos
                             ? token_ids.argmax(1)
                             : (token_ids == config_.eos_token_id).to(at::kInt).argmax(1);
  const at::Tensor row = hidden.take_along_dim(end.view({-1, 1, 1}), 1).squeeze(1);
  return projection_ ? (*projection_)(row) : row;
}

}  // namespace zoetrope::models
