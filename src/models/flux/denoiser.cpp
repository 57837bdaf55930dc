// FLUX behind the face of models::Denoiser. Inputs of condition: "text" [b, n,
// joint_attention_dim], "pooled_text" [b, pooled_projection_dim] and, with guidance_embeds,
// "guidance" [b], the plain scale. Latents are one frame of even height and width; a patch of 2 x 2
// latents is one token.
#include "models/denoiser.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <memory>
#include <string>
#include <utility>

#include "base/status.h"
#include "models/denoiser_inputs.h"
#include "models/flux/network.h"

namespace zoetrope::models {
namespace {

constexpr int64_t kPatch = 2;

[[noreturn]] void refuse(const std::string& why) {
  throw base::Error(base::StatusCode::kInvalidArgument, "flux: " + why);
}

// [b, 1, h, w, c] -> [b, h/2 * w/2, c * 4], within a patch: channel, row, column
at::Tensor patches_of(const at::Tensor& latents) {
  const int64_t h = latents.size(2), w = latents.size(3), c = latents.size(4);
  return latents.reshape({-1, h / kPatch, kPatch, w / kPatch, kPatch, c})
      .permute({0, 1, 3, 5, 2, 4})
      .reshape({latents.size(0), -1, c * kPatch * kPatch});
}

at::Tensor latents_of(const at::Tensor& patches, int64_t h, int64_t w) {
  const int64_t c = patches.size(2) / (kPatch * kPatch);
  return patches.reshape({-1, h / kPatch, w / kPatch, c, kPatch, kPatch})
      .permute({0, 1, 4, 2, 5, 3})
      .reshape({patches.size(0), 1, h, w, c});
}

class FluxDenoiser final : public Denoiser {
 public:
  FluxDenoiser(const FluxConfig& config, const weights::Scope& scope) : network_(config, scope) {}

  DenoiserConditioning condition(const weights::ParameterMap& inputs,
                                 const LatentShape& latents) const override {
    require_shape(latents);
    const FluxConfig& c = network_.config();
    const at::Tensor text =
        take_input(inputs, "flux", "text", {kAnySize, kAnySize, c.joint_attention_dim});
    const int64_t b = text.size(0);
    const Flux::Inputs in{
        .text = text,
        .pooled_text = take_input(inputs, "flux", "pooled_text", {b, c.pooled_projection_dim}),
        .guidance = c.guidance_embeds ? take_input(inputs, "flux", "guidance", {b}) : at::Tensor()};
    const auto out = network_.condition(in, latents.height / kPatch, latents.width / kPatch);
    return {.rows = {out.text, out.embedding}, .shared = {out.rope.cosine, out.rope.sine}};
  }

  at::Tensor forward(const at::Tensor& sample, const at::Tensor& timestep,
                     const DenoiserConditioning& conditioning,
                     nn::BlockStack* stack) const override {
    if (sample.dim() != 5) refuse("the sample must be [b, 1, h, w, c]");
    const int64_t h = sample.size(2), w = sample.size(3);
    require_shape({sample.size(1), h, w, sample.size(4)});
    const Flux::Conditioning c{conditioning.rows.at(0),
                               conditioning.rows.at(1),
                               {conditioning.shared.at(0), conditioning.shared.at(1)}};
    return latents_of(network_.forward(patches_of(sample), timestep, c, stack), h, w);
  }

 private:
  void require_shape(const LatentShape& s) const {
    const int64_t channels = network_.config().in_channels / (kPatch * kPatch);
    if (s.frames != 1)
      refuse(fmt::format("{} frames of latents, it makes single pictures", s.frames));
    if (s.channels != channels) {
      refuse(fmt::format("latents of {} channels, the network takes {}", s.channels, channels));
    }
    if (s.height <= 0 || s.width <= 0 || s.height % kPatch != 0 || s.width % kPatch != 0) {
      refuse(fmt::format("latents of {} x {}: height and width must be positive multiples of {}",
                         s.height, s.width, kPatch));
    }
  }

  Flux network_;
};

}  // namespace

std::unique_ptr<Denoiser> make_flux_denoiser(const weights::JsonObject& config,
                                             const weights::Scope& scope) {
  const FluxConfig c = FluxConfig::from_json(config);
  for (const auto& [field, channels] :
       {std::pair{"in_channels", c.in_channels}, {"out_channels", c.out_channels}}) {
    if (channels % (kPatch * kPatch) != 0) {
      refuse(
          fmt::format("{}: {} must be a multiple of {}", config.source(), field, kPatch * kPatch));
    }
  }
  return std::make_unique<FluxDenoiser>(c, scope);
}

}  // namespace zoetrope::models
