#include "models/sd3/network.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "base/status.h"
#include "nn/norm.h"
#include "nn/tap.h"
#include "ops/activation.h"

namespace zoetrope::models {
namespace {

using weights::Init;
using weights::Scope;

constexpr int64_t kSinusoids = 256;
constexpr double kPositionStd = 0.02;

nn::EmbeddingMlp embedder(const Scope& scope, int64_t in, int64_t width) {
  return nn::EmbeddingMlp(scope.sub("linear_1"), scope.sub("linear_2"), in, width, width);
}

}  // namespace

Sd3::Sd3(const Sd3Config& c, const Scope& scope)
    : config_(c),
      patch_embedding_(scope.sub("pos_embed.proj"), c.in_channels, c.width(),
                       {.kernel = c.patch_size, .stride = c.patch_size, .padding = 0}),
      positions_(scope
                     .take("pos_embed.pos_embed",
                           {1, c.pos_embed_max_size * c.pos_embed_max_size, c.width()},
                           Init::normal(kPositionStd))
                     .view({c.pos_embed_max_size, c.pos_embed_max_size, c.width()})),
      timestep_embedder_(
          embedder(scope.sub("time_text_embed.timestep_embedder"), kSinusoids, c.width())),
      text_embedder_(
          embedder(scope.sub("time_text_embed.text_embedder"), c.pooled_projection_dim, c.width())),
      context_embedder_(scope.sub("context_embedder"), c.joint_attention_dim, c.width()),
      norm_out_(scope.sub("norm_out.linear"), c.width(), 2 * c.width()),
      proj_out_(scope.sub("proj_out"), c.width(), c.patch_size * c.patch_size * c.out_channels) {
  for (int64_t i = 0; i < c.num_layers; ++i) {
    blocks_.emplace_back(scope.sub("transformer_blocks", i), c, i);
  }
}

Sd3::Conditioning Sd3::condition(const at::Tensor& text, const at::Tensor& pooled_text,
                                 int64_t rows, int64_t columns) const {
  // A picture has the positions in the middle of the table.
  const at::Tensor positions = positions_.narrow(0, (config_.pos_embed_max_size - rows) / 2, rows)
                                   .narrow(1, (config_.pos_embed_max_size - columns) / 2, columns)
                                   .reshape({1, rows * columns, config_.width()});
  return {context_embedder_(text), text_embedder_(pooled_text), positions};
}

at::Tensor Sd3::forward(const at::Tensor& sample, const at::Tensor& timestep,
                        const Conditioning& conditioning, nn::BlockStack* stack) const {
  const at::Tensor patches = patch_embedding_(sample);  // [b, rows, columns, c]
  const int64_t image = patches.size(1) * patches.size(2), text = conditioning.text.size(1);
  base::require(image == conditioning.positions.size(1),
                "sd3: the conditioning is for another number of patches");
  const at::Tensor time =
      timestep_embedder_(nn::sinusoidal_embedding(timestep, kSinusoids).to(sample.scalar_type()));
  const at::Tensor embedding = ops::activate(time + conditioning.pooled, ops::Activation::kSilu);

  at::Tensor x = at::cat({patches.flatten(1, 2) + conditioning.positions, conditioning.text}, 1);
  for (size_t i = 0; i < blocks_.size(); ++i) {
    const nn::BlockStack::Block block = [&](const at::Tensor& t) {
      return blocks_[i](t, text, embedding);
    };
    x = stack == nullptr ? block(x) : stack->run(static_cast<int64_t>(i), x, block);
    nn::tap(fmt::format("transformer_blocks.{}", i), x);
  }
  // Here the scale comes before the shift, unlike in the blocks.
  const auto m = norm_out_(embedding).unsqueeze(1).chunk(2, -1);
  const int64_t patch = config_.patch_size;
  return proj_out_(nn::modulated_norm(x.narrow(1, 0, image), m[0], m[1], kSd3NormEps))
      .unflatten(2, {patch, patch, config_.out_channels})
      .unflatten(1, {patches.size(1), patches.size(2)})
      .permute({0, 1, 3, 2, 4, 5})
      .flatten(3, 4)
      .flatten(1, 2);
}

}  // namespace zoetrope::models
