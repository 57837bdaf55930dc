#include "models/clip_vision/clip_vision.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <cmath>

#include "base/status.h"
#include "ops/conv.h"

namespace zoetrope::models {

using weights::Init;
using weights::Scope;

namespace {

// transformers writes the prefix before version 5, and where there is a projection.
Scope body(const Scope& scope) {
  return scope.has("vision_model.pre_layrnorm.weight") ? scope.sub("vision_model") : scope;
}

}  // namespace

ClipVision::ClipVision(const Scope& scope, const ClipVisionConfig& config)
    : config_(config),
      // The checkpoints' spelling.
      pre_norm_(body(scope).sub("pre_layrnorm"), config.encoder.hidden_size,
                config.encoder.layer_norm_eps),
      encoder_(body(scope).sub("encoder"), config.encoder),
      post_norm_(body(scope).sub("post_layernorm"), config.encoder.hidden_size,
                 config.encoder.layer_norm_eps) {
  if (config.projection_dim > 0) {
    projection_.emplace(scope.sub("visual_projection"), config.encoder.hidden_size,
                        config.projection_dim, nn::Bias::kNone);
  }
  const Scope embeddings = body(scope).sub("embeddings");
  const int64_t width = config.encoder.hidden_size;
  const int64_t patch = config.patch_size;
  class_embedding_ = embeddings.take("class_embedding", {width},
                                     Init::normal(1.0 / std::sqrt(static_cast<double>(width))));
  patch_embedding_ = embeddings.take(
      "patch_embedding.weight", {width, config.num_channels, patch, patch}, Init::normal(0.02));
  position_embedding_ =
      embeddings.take("position_embedding.weight", {config.positions(), width}, Init::normal(0.02));
}

at::Tensor ClipVision::embed(const at::Tensor& images) const {
  const int64_t size = config_.image_size;
  if (images.dim() != 4 || images.size(1) != size || images.size(2) != size ||
      images.size(3) != config_.num_channels) {
    throw base::Error(base::StatusCode::kInvalidArgument,
                      fmt::format("clip_vision: images must be [batch, {0}, {0}, {1}]", size,
                                  config_.num_channels));
  }
  const int64_t b = images.size(0);
  const int64_t patch = config_.patch_size;
  const at::Tensor patches =
      ops::conv2d(images.to(patch_embedding_.scalar_type()),
                  {.weight = patch_embedding_,
                   .bias = {},
                   .geometry = {.stride = {patch, patch}, .padding = {0, 0}, .enlarging = false},
                   .packed = {}})
          .flatten(1, 2);
  const at::Tensor tokens = at::cat({class_embedding_.expand({b, 1, -1}), patches}, 1);
  return pre_norm_(tokens + position_embedding_);
}

at::Tensor ClipVision::operator()(const at::Tensor& images) const {
  const at::Tensor pooled = post_norm_(encoder_(embed(images)).select(1, 0));
  return projection_ ? (*projection_)(pooled) : pooled;
}

at::Tensor ClipVision::penultimate(const at::Tensor& images) const {
  return encoder_.penultimate(embed(images));
}

}  // namespace zoetrope::models
