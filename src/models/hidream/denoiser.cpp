// HiDream as a Denoiser. Inputs: "text" (T5), "llama" and "pooled_text", as in HiDream::Inputs.
#include "models/denoiser.h"

#include <ATen/ATen.h>

#include "base/status.h"
#include "models/denoiser_inputs.h"
#include "models/hidream/network.h"

namespace zoetrope::models {
namespace {

class HiDreamDenoiser final : public Denoiser {
 public:
  HiDreamDenoiser(const HiDreamConfig& config, const weights::Scope& scope)
      : network_(config, scope) {}

  DenoiserConditioning condition(const weights::ParameterMap& inputs,
                                 const LatentShape& latents) const override {
    base::require(latents.frames == 1, "hidream: makes pictures, of one frame");
    const auto c =
        network_.condition({optional_input(inputs, "text"), optional_input(inputs, "llama"),
                            optional_input(inputs, "pooled_text")},
                           latents.height, latents.width);
    return {.rows = {c.text, c.llama, c.pooled}, .shared = {c.positions.cosine, c.positions.sine}};
  }

  at::Tensor forward(const at::Tensor& sample, const at::Tensor& timestep,
                     const DenoiserConditioning& conditioning,
                     nn::BlockStack* stack) const override {
    base::require(sample.dim() == 5 && sample.size(1) == 1,
                  "hidream: the sample must be [b, 1, h, w, c]");
    const auto& rows = conditioning.rows;
    const auto& shared = conditioning.shared;
    return network_
        .forward(sample.squeeze(1), timestep,
                 {rows.at(0), rows.at(1), rows.at(2), {shared.at(0), shared.at(1)}}, stack)
        .unsqueeze(1);
  }

 private:
  HiDream network_;
};

}  // namespace

std::unique_ptr<Denoiser> make_hidream(const weights::JsonObject& config,
                                       const weights::Scope& scope) {
  return std::make_unique<HiDreamDenoiser>(HiDreamConfig::from_json(config), scope);
}

}  // namespace zoetrope::models
