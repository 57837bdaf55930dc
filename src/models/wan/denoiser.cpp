// Wan as a Denoiser. condition() takes by name
//   text              [b, m, text_dim]: the text encoder's output, any length
//   image             [b, f, h, w, in_channels - out_channels], of networks that start from a
//                     picture: the mask's channels, then the latents of the picture
//   image_embeddings  [b, m, image_dim], of networks whose configuration has an image_dim: the
//                     penultimate hidden state of CLIP's image encoder (of first and last picture,
//                     one after the other, where there is a pos_embed_seq_len)
#include "models/denoiser.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <string>

#include "base/status.h"
#include "models/denoiser_inputs.h"
#include "models/wan/network.h"

namespace zoetrope::models {
namespace {

class WanDenoiser final : public Denoiser {
 public:
  WanDenoiser(const weights::JsonObject& config, const weights::Scope& scope)
      : network_(WanConfig::from_json(config), scope) {}

  // rows: the image if there is one; then of every block the keys and values of the text and, if
  // there are image embeddings, of those. shared: the rotary table.
  DenoiserConditioning condition(const weights::ParameterMap& inputs,
                                 const LatentShape& latents) const override;
  at::Tensor forward(const at::Tensor& sample, const at::Tensor& timestep,
                     const DenoiserConditioning& conditioning,
                     nn::BlockStack* stack) const override;

 private:
  Wan network_;
};

DenoiserConditioning WanDenoiser::condition(const weights::ParameterMap& inputs,
                                            const LatentShape& latents) const {
  const WanConfig& config = network_.config();
  if (latents.channels != config.out_channels) {
    throw base::Error(base::StatusCode::kInvalidArgument,
                      fmt::format("wan: latents have {} channels, the network's have {}",
                                  latents.channels, config.out_channels));
  }
  const auto [cosine, sine] = network_.positions(latents.frames, latents.height, latents.width);
  const at::Tensor text = take_input(inputs, "wan", "text", {kAnySize, kAnySize, config.text_dim});
  const int64_t b = text.size(0);
  DenoiserConditioning conditioning{.rows = {}, .shared = {cosine, sine}};
  auto& rows = conditioning.rows;
  if (config.image_channels() > 0) {
    rows.push_back(
        take_input(inputs, "wan", "image",
                   {b, latents.frames, latents.height, latents.width, config.image_channels()}));
  }
  at::Tensor embeddings;
  if (config.image_dim > 0) {
    const int64_t count = config.pos_embed_seq_len > 0 ? config.pos_embed_seq_len : kAnySize;
    embeddings = take_input(inputs, "wan", "image_embeddings", {b, count, config.image_dim});
  }
  for (const WanContext& context : network_.condition(text, embeddings)) {
    rows.insert(rows.end(), {context.text.k, context.text.v});
    if (embeddings.defined()) rows.insert(rows.end(), {context.image.k, context.image.v});
  }
  return conditioning;
}

at::Tensor WanDenoiser::forward(const at::Tensor& sample, const at::Tensor& timestep,
                                const DenoiserConditioning& conditioning,
                                nn::BlockStack* stack) const {
  auto row = conditioning.rows.begin();
  at::Tensor clip = sample.to(network_.dtype());
  if (network_.config().image_channels() > 0) clip = at::cat({clip, *row++}, -1);
  std::vector<WanContext> contexts(static_cast<size_t>(network_.config().num_layers));
  for (WanContext& context : contexts) {
    context.text = {*row++, *row++};
    if (network_.config().image_dim > 0) context.image = {*row++, *row++};
  }
  return network_.forward(clip, timestep, {conditioning.shared[0], conditioning.shared[1]},
                          contexts, stack);
}

}  // namespace

std::unique_ptr<Denoiser> make_wan(const weights::JsonObject& config, const weights::Scope& scope) {
  return std::make_unique<WanDenoiser>(config, scope);
}

}  // namespace zoetrope::models
