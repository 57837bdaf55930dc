#include "train/guided_sampler.h"

#include <ATen/ATen.h>

#include <utility>

#include "train/training_data.h"

namespace zoetrope::train {

at::Tensor sample_guided(const AnimateNetworks& networks, const DistillationGrid& grid,
                         at::Tensor z, const at::Tensor& nodes, int64_t steps,
                         const GuidedClips& clips, at::ScalarType dtype) {
  const at::Tensor empty = clips.empty_prompt.expand_as(clips.prompts);
  const at::Tensor& first = clips.first_frame;
  const auto conditioning =
      networks.condition({.prompts = at::cat({empty, empty, clips.prompts}),
                          .first_frame = at::cat({at::zeros_like(first), first, first}),
                          .motion = at::cat({clips.motion, clips.motion, clips.motion}),
                          .guidance = {}},
                         z.size(1), dtype);
  const auto scale = [&](int64_t which) {
    return clips.guidance.select(1, which).view({-1, 1, 1, 1, 1});
  };
  const at::Tensor image_scale = scale(0), text_scale = scale(1);
  Levels from = grid.at_nodes(nodes);
  for (int64_t i = 0; i < steps; ++i) {
    Levels to = grid.at_nodes(nodes + (i + 1));
    const auto v =
        networks.predict(at::cat({z, z, z}), at::cat({from.t, from.t, from.t}), conditioning, dtype)
            .chunk(3);
    const at::Tensor guided = v[0] + image_scale * (v[1] - v[0]) + text_scale * (v[2] - v[1]);
    z = ddim_step(z, guided, from, to);
    from = std::move(to);
  }
  return z;
}

at::Tensor shown_frames(const models::AutoencoderKl& autoencoder, const at::Tensor& latents,
                        at::ScalarType dtype) {
  const at::Tensor every_second = latents.slice(0, 0, c10::nullopt, 2);
  const at::Tensor pictures =
      autoencoder.decode(autoencoder.denormalise(every_second).to(dtype).contiguous());
  return to_pixels(pictures).to(at::kCPU);
}

}  // namespace zoetrope::train
