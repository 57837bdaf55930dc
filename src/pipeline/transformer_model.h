// The diffusion transformers (transformer_recipe.h) as Models.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "models/clip_vision/clip_vision.h"
#include "models/clip_vision/preprocess.h"
#include "models/denoiser.h"
#include "pipeline/autoencoder.h"
#include "pipeline/model.h"
#include "pipeline/text_encoder.h"

namespace zoetrope::pipeline {

// Immutable after loading; any thread may use it.
struct TransformerComponents {
  const TransformerRecipe* recipe = nullptr;
  at::Device device = at::kCPU;
  at::ScalarType dtype = at::kFloat;
  std::vector<TextEncoderProvider> text_encoders;  // in the recipe's order
  std::unique_ptr<Autoencoder> autoencoder;
  struct Expert {
    std::unique_ptr<models::Denoiser> network;
    double least_timestep;
  };
  std::vector<Expert> experts;  // in the order of falling noise
  bool guidance_embeds = false;
  std::unique_ptr<const diffusion::Scheduler> scheduler;
  // The time shift grows with the number of tokens along a line through two points; absent where
  // the scheduler has a fixed one.
  struct DynamicShift {
    double base_tokens, most_tokens, base_shift, most_shift;
    double mu(int64_t tokens) const {
      return base_shift + (most_shift - base_shift) * (static_cast<double>(tokens) - base_tokens) /
                              (most_tokens - base_tokens);
    }
  };
  std::optional<DynamicShift> dynamic_shift;
  int64_t most_network_tokens = 0;  // of Shift::kMostTokens
  struct ImageEncoder {
    models::ClipVision network;
    models::ClipImageStatistics statistics;
  };
  std::optional<ImageEncoder> image_encoder;
};

TransformerComponents load_transformer_components(const ModelIndex& index, at::ScalarType dtype,
                                                  at::Device device);
std::unique_ptr<Model> load_transformer_model(const ModelIndex& index, at::ScalarType dtype,
                                              at::Device device);
std::vector<ComponentLoader> transformer_component_loaders(const ModelIndex& index);

// Of each denoiser, in the order of the experts: what its blocks keep (offload.h).
std::vector<std::vector<int64_t>> denoiser_block_bytes(const ModelIndex& index,
                                                       at::ScalarType dtype);

// The role functions; `components` must outlive the table.
RoleTable transformer_roles(const TransformerComponents& components, DenoiseHooks hooks);

}  // namespace zoetrope::pipeline
