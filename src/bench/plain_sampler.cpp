#include "bench/plain_sampler.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace zoetrope::bench {
namespace {

using models::AnimateUnet;

// Rows [first, first + count) of a conditioning; its keys and values are made anew where the
// sampling says so.
AnimateUnet::Conditioning rows_of(const AnimateUnet& unet, const AnimateUnet::Conditioning& all,
                                  const at::Tensor& context, int64_t first, int64_t count,
                                  ContextUse use) {
  const auto rows = [&](const at::Tensor& t) { return t.narrow(0, first, count); };
  AnimateUnet::Conditioning part{rows(all.image_latents), rows(all.embedding), {}};
  if (use == ContextUse::kOnce) {
    for (const nn::KeyValue& kv : all.attention) part.attention.push_back({rows(kv.k), rows(kv.v)});
    return part;
  }
  const int64_t frames = use == ContextUse::kRepeatedEachStep ? all.image_latents.size(1) : 1;
  part.attention = unet.project_context(rows(context).repeat_interleave(frames, 0));
  return part;
}

}  // namespace

at::Tensor forward_plainly(const AnimateUnet& unet, const at::Tensor& sample,
                           const at::Tensor& timestep,
                           const AnimateUnet::Conditioning& conditioning, const at::Tensor& context,
                           const PlainSampling& sampling) {
  const int64_t branches = sample.size(0);
  const int64_t rows = sampling.branches_together ? branches : 1;
  std::vector<at::Tensor> outputs;
  for (int64_t first = 0; first < branches; first += rows) {
    outputs.push_back(unet.forward(
        sample.narrow(0, first, rows), timestep.narrow(0, first, rows),
        rows_of(unet, conditioning, context, first, rows, sampling.context), sampling.stack));
  }
  return at::cat(outputs);
}

at::Tensor sample_plainly(const Workbench& bench, const Scene& scene,
                          const PlainSampling& sampling) {
  const pipeline::Components& components = bench.components;
  const AnimateUnet& unet = components.teacher.unet;
  const diffusion::GuidancePlan plan = pipeline::guidance_of(components, scene.noise);
  const AnimateUnet::Inputs inputs = pipeline::network_inputs(
      components, plan, scene.noise, scene.text, scene.image, scene.embedding_or_null());
  const AnimateUnet::Conditioning conditioning = unet.condition(inputs);
  const at::Tensor context = unet.context(inputs);
  const auto schedule = components.teacher.scheduler->begin(scene.noise.fact<int>("steps"));
  const auto branches = static_cast<int64_t>(plan.branches().size());

  at::Tensor latents = scene.noise.tensor("noise").to(components.device);
  for (int step = 0; step < std::min(schedule->steps(), sampling.most_steps); ++step) {
    if (sampling.before_step) sampling.before_step(step);
    const at::Tensor sample =
        latents.unsqueeze(0).repeat({branches, 1, 1, 1, 1}).to(components.dtype);
    const at::Tensor timestep = at::full({branches}, schedule->timestep(step),
                                         at::TensorOptions(at::kFloat).device(latents.device()));
    const at::Tensor outputs =
        forward_plainly(unet, sample, timestep, conditioning, context, sampling);
    latents = schedule->step(plan.combine(outputs).squeeze(0), step, latents);
  }
  return latents;
}

}  // namespace zoetrope::bench
