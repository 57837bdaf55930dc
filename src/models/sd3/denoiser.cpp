// Stable Diffusion 3 as a Denoiser. Inputs of condition: "clip" [b, n, at most
// joint_attention_dim], the states of both CLIP encoders side by side; "text" [b, m,
// joint_attention_dim], those of T5; "pooled_text" [b, pooled_projection_dim]. Latents are one
// frame, sides multiples of patch_size.
#include "models/denoiser.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <memory>
#include <string>

#include "base/status.h"
#include "models/denoiser_inputs.h"
#include "models/sd3/network.h"

namespace zoetrope::models {
namespace {

[[noreturn]] void refuse(const std::string& why) {
  throw base::Error(base::StatusCode::kInvalidArgument, "sd3: " + why);
}

class Sd3Denoiser final : public Denoiser {
 public:
  Sd3Denoiser(const Sd3Config& config, const weights::Scope& scope) : network_(config, scope) {}

  DenoiserConditioning condition(const weights::ParameterMap& inputs,
                                 const LatentShape& latents) const override {
    require_shape(latents);
    const Sd3Config& c = network_.config();
    const at::Tensor text =
        take_input(inputs, "sd3", "text", {kAnySize, kAnySize, c.joint_attention_dim});
    const int64_t b = text.size(0);
    const at::Tensor clip = take_input(inputs, "sd3", "clip", {b, kAnySize, kAnySize});
    const int64_t missing = c.joint_attention_dim - clip.size(2);
    if (missing < 0) {
      refuse(fmt::format("the input 'clip' has {} channels, joint_attention_dim is {}",
                         clip.size(2), c.joint_attention_dim));
    }
    const auto out =
        network_.condition(at::cat({at::constant_pad_nd(clip, {0, missing}), text}, 1),
                           take_input(inputs, "sd3", "pooled_text", {b, c.pooled_projection_dim}),
                           latents.height / c.patch_size, latents.width / c.patch_size);
    return {.rows = {out.text, out.pooled}, .shared = {out.positions}};
  }

  at::Tensor forward(const at::Tensor& sample, const at::Tensor& timestep,
                     const DenoiserConditioning& conditioning,
                     nn::BlockStack* stack) const override {
    if (sample.dim() != 5) refuse("the sample must be [b, 1, h, w, c]");
    require_shape({sample.size(1), sample.size(2), sample.size(3), sample.size(4)});
    return network_
        .forward(sample.squeeze(1), timestep,
                 {conditioning.rows.at(0), conditioning.rows.at(1), conditioning.shared.at(0)},
                 stack)
        .unsqueeze(1);
  }

 private:
  void require_shape(const LatentShape& s) const {
    const Sd3Config& c = network_.config();
    if (s.frames != 1) {
      refuse(fmt::format("{} frames of latents, it makes single pictures", s.frames));
    }
    if (s.channels != c.in_channels) {
      refuse(
          fmt::format("latents of {} channels, the network takes {}", s.channels, c.in_channels));
    }
    for (const int64_t side : {s.height, s.width}) {
      if (side > 0 && side % c.patch_size == 0 && side / c.patch_size <= c.pos_embed_max_size) {
        continue;
      }
      refuse(fmt::format("latents of {} x {}: sides must be multiples of {} and at most {}",
                         s.height, s.width, c.patch_size, c.patch_size * c.pos_embed_max_size));
    }
  }

  Sd3 network_;
};

}  // namespace

std::unique_ptr<Denoiser> make_sd3(const weights::JsonObject& config, const weights::Scope& scope) {
  return std::make_unique<Sd3Denoiser>(Sd3Config::from_json(config), scope);
}

}  // namespace zoetrope::models
