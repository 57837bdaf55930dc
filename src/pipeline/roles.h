// The role functions of the animate recipes: what runs at each node of the graph. The bundles they
// take and give are listed in recipe.h.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include "diffusion/guidance.h"
#include "pipeline/components.h"
#include "pipeline/denoise_hooks.h"
#include "pipeline/graph.h"

namespace zoetrope::pipeline {

// `components` must outlive the table; a table serves one run.
RoleTable make_roles(const Components& components, DenoiseHooks hooks);

Bundle text_encode(const Components& components, const Bundle& prompt);
Bundle image_encode(const Components& components, const Bundle& picture);
Bundle image_embed(const Components& components, const Bundle& picture);
// Of one result: clip's latents are [f, h, w, c], `frames` [f, h, w, 3].
Bundle decode(const Components& components, const Bundle& clip, const Bundle& image,
              const RunContext& context);

// The guidance a request asks for, and what the network is told of it: one row for each branch.
diffusion::GuidancePlan guidance_of(const Components& components, const Bundle& noise);
models::AnimateUnet::Inputs network_inputs(const Components& components,
                                           const diffusion::GuidancePlan& plan, const Bundle& noise,
                                           const Bundle& text, const Bundle& image,
                                           const Bundle* embedding);

// The session of one result: noise [f, h, w, c]. `embedding` is null for recipes without an image
// encoder.
DenoiseSession make_session(const Components& components, const Bundle& noise, const Bundle& text,
                            const Bundle& image, const Bundle* embedding, const DenoiseHooks& hooks,
                            const RunContext& context);

// Frames decoded at a time: on the CPU few, so that the activations stay in the cache and the peak
// memory low; a GPU wants all of them.
inline int64_t decode_chunk(at::Device device) { return device.is_cuda() ? 16 : 4; }

// The frame shape [f, h, w, c] of a request's latents.
std::vector<int64_t> latent_shape(const Components& components, int64_t num_frames, int64_t width,
                                  int64_t height);

}  // namespace zoetrope::pipeline
