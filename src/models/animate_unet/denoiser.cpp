// The U-Net as a Denoiser.
#include <ATen/ATen.h>

#include "base/status.h"
#include "models/animate_unet/network.h"
#include "models/denoiser_inputs.h"

namespace zoetrope::models {
namespace {

AnimateUnet::Conditioning unflatten(const DenoiserConditioning& flat) {
  AnimateUnet::Conditioning conditioning{
      .image_latents = flat.rows.at(1), .embedding = flat.rows.at(0), .attention = {}};
  for (size_t i = 2; i + 1 < flat.rows.size(); i += 2) {
    conditioning.attention.push_back({flat.rows[i], flat.rows[i + 1]});
  }
  return conditioning;
}

}  // namespace

DenoiserConditioning AnimateUnet::Conditioning::flatten() const {
  DenoiserConditioning flat{.rows = {embedding, image_latents}, .shared = {}};
  for (const nn::KeyValue& kv : attention) {
    flat.rows.push_back(kv.k);
    flat.rows.push_back(kv.v);
  }
  return flat;
}

DenoiserConditioning AnimateUnet::condition(const weights::ParameterMap& inputs,
                                            const LatentShape&) const {
  return condition(Inputs{.text = take_input(inputs, "animate_unet", "text",
                                             {kAnySize, kAnySize, config_.cross_attention_dim}),
                          .image_latents = take_input(
                              inputs, "animate_unet", "image_latents",
                              {kAnySize, kAnySize, kAnySize, kAnySize, config_.in_channels}),
                          .image_embeddings = optional_input(inputs, "image_embeddings"),
                          .fps = take_input(inputs, "animate_unet", "fps", {kAnySize}),
                          .guidance = optional_input(inputs, "guidance")})
      .flatten();
}

at::Tensor AnimateUnet::forward(const at::Tensor& sample, const at::Tensor& timestep,
                                const DenoiserConditioning& conditioning,
                                nn::BlockStack* stack) const {
  return forward(sample, timestep, unflatten(conditioning), stack);
}

std::unique_ptr<Denoiser> make_animate_unet(const weights::JsonObject& config,
                                            const weights::Scope& scope) {
  return std::make_unique<AnimateUnet>(AnimateUnetConfig::from_json(config), scope);
}

}  // namespace zoetrope::models
