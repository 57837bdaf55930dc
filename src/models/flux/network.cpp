#include "models/flux/network.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "base/status.h"
#include "nn/norm.h"
#include "nn/tap.h"
#include "ops/activation.h"

namespace zoetrope::models {
namespace {

using weights::Scope;

constexpr int64_t kSinusoids = 256;
constexpr double kRotaryTheta = 10000.0;
// The guidance scale is embedded as if it were a time in 0..1 counted in thousandths.
constexpr double kGuidanceUnit = 1000.0;

nn::EmbeddingMlp embedder(const Scope& scope, int64_t in, int64_t width) {
  return nn::EmbeddingMlp(scope.sub("linear_1"), scope.sub("linear_2"), in, width, width);
}

// Positions (0, row, column) of the patches, after those of the text, which are all zero.
at::Tensor positions_of(int64_t text_tokens, int64_t rows, int64_t columns,
                        const at::TensorOptions& options) {
  const at::Tensor row = at::arange(rows, options).view({-1, 1}).expand({rows, columns});
  const at::Tensor column = at::arange(columns, options).expand({rows, columns});
  const at::Tensor image = at::stack({at::zeros_like(row), row, column}, -1).flatten(0, 1);
  return at::cat({at::zeros({text_tokens, 3}, options), image}).unsqueeze(0);
}

}  // namespace

Flux::Flux(const FluxConfig& config, const Scope& scope)
    : config_(config),
      x_embedder_(scope.sub("x_embedder"), config.in_channels, config.width()),
      context_embedder_(scope.sub("context_embedder"), config.joint_attention_dim, config.width()),
      timestep_embedder_(
          embedder(scope.sub("time_text_embed.timestep_embedder"), kSinusoids, config.width())),
      text_embedder_(embedder(scope.sub("time_text_embed.text_embedder"),
                              config.pooled_projection_dim, config.width())),
      norm_out_(scope.sub("norm_out.linear"), config.width(), 2 * config.width()),
      proj_out_(scope.sub("proj_out"), config.width(), config.out_channels) {
  if (config.guidance_embeds) {
    guidance_embedder_ =
        embedder(scope.sub("time_text_embed.guidance_embedder"), kSinusoids, config.width());
  }
  for (int64_t i = 0; i < config.num_layers; ++i) {
    double_blocks_.emplace_back(scope.sub("transformer_blocks", i), config);
  }
  for (int64_t i = 0; i < config.num_single_layers; ++i) {
    single_blocks_.emplace_back(scope.sub("single_transformer_blocks", i), config);
  }
}

Flux::Conditioning Flux::condition(const Inputs& inputs, int64_t rows, int64_t columns) const {
  at::Tensor embedding = text_embedder_(inputs.pooled_text);
  if (guidance_embedder_) {
    base::require(inputs.guidance.defined(), "flux: this network needs its guidance scale");
    const at::Tensor guidance =
        nn::sinusoidal_embedding(inputs.guidance.to(at::kFloat) * kGuidanceUnit, kSinusoids);
    embedding = embedding + (*guidance_embedder_)(guidance.to(embedding.scalar_type()));
  }
  const at::Tensor positions =
      positions_of(inputs.text.size(1), rows, columns, inputs.text.options().dtype(at::kLong));
  return {context_embedder_(inputs.text), embedding,
          nn::rotary_table(positions, config_.axes_dims_rope, kRotaryTheta)};
}

at::Tensor Flux::forward(const at::Tensor& patches, const at::Tensor& timestep,
                         const Conditioning& conditioning, nn::BlockStack* stack) const {
  const int64_t text = conditioning.text.size(1);
  base::require(text + patches.size(1) == conditioning.rope.cosine.size(1),
                "flux: the conditioning is for another number of patches");
  const at::Tensor time =
      timestep_embedder_(nn::sinusoidal_embedding(timestep, kSinusoids).to(patches.scalar_type()));
  const FluxBlockInputs in{ops::activate(time + conditioning.embedding, ops::Activation::kSilu),
                           conditioning.rope};

  int64_t stacked = 0;
  const auto run = [&](const at::Tensor& x, const nn::BlockStack::Block& block) {
    return stack == nullptr ? block(x) : stack->run(stacked++, x, block);
  };
  at::Tensor x = at::cat({conditioning.text, x_embedder_(patches)}, 1);
  for (size_t i = 0; i < double_blocks_.size(); ++i) {
    x = run(x, [&](const at::Tensor& t) { return double_blocks_[i](t, text, in); });
    nn::tap(fmt::format("transformer_blocks.{}", i), x);
  }
  for (size_t i = 0; i < single_blocks_.size(); ++i) {
    x = run(x, [&](const at::Tensor& t) { return single_blocks_[i](t, in); });
    nn::tap(fmt::format("single_transformer_blocks.{}", i), x);
  }
  // Here the scale comes before the shift, unlike in the blocks.
  const auto m = norm_out_(in.embedding).unsqueeze(1).chunk(2, -1);
  const nn::Modulation out{.shift = m[1], .scale = m[0], .gate = {}};
  return proj_out_(
      out.norm(x.narrow(1, text, patches.size(1)), kFluxNormEps, proj_out_.input_format()));
}

}  // namespace zoetrope::models
