// Denoiser: what every diffusion network is to the pipeline. A family implements it in its folder
// and names its maker in its CMakeLists.txt (add_model(... DENOISERS Class=maker)); nothing outside
// the folder lists the families.
//
// Stateless after construction: any thread may call it.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "nn/block_stack.h"
#include "weights/json_config.h"
#include "weights/parameters.h"

namespace zoetrope::models {

// What a network is told besides the noisy sample, prepared once per request.
struct DenoiserConditioning {
  // The first dimension counts rows of the batch (guidance branches, requests): parts of several
  // requests are joined along it.
  std::vector<at::Tensor> rows;
  // The same for every row: tables of positions. Requests that share a pass have the same.
  std::vector<at::Tensor> shared;
};

class Denoiser {
 public:
  virtual ~Denoiser() = default;

  // Shape of one request's latents.
  struct LatentShape {
    int64_t frames, height, width, channels;
  };

  // `inputs` by name, the first dimension counting rows; the names a family takes stand in its
  // denoiser.cpp. Floating ones have the dtype of the weights. Throws base::Error naming the input
  // that is missing or has the wrong shape.
  virtual DenoiserConditioning condition(const weights::ParameterMap& inputs,
                                         const LatentShape& latents) const = 0;

  // sample [b, f, h, w, c], timestep [b] as the scheduler counts it (any floating dtype)
  // -> [b, f, h, w, c]: what the checkpoint's prediction type says, in the dtype of the weights.
  virtual at::Tensor forward(const at::Tensor& sample, const at::Tensor& timestep,
                             const DenoiserConditioning& conditioning,
                             nn::BlockStack* stack = nullptr) const = 0;
};

// Of `_class_name` in config.json: "FluxTransformer2DModel". Throws base::Error: kUnimplemented
// naming the known classes, or what the family finds wrong.
std::unique_ptr<Denoiser> make_denoiser(const weights::JsonObject& config,
                                        const weights::Scope& scope);

}  // namespace zoetrope::models
