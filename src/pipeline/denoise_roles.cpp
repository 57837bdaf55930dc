// The roles between conditioning and frames, and the table of all roles.
#include <ATen/ATen.h>

#include <algorithm>

#include "base/status.h"
#include "pipeline/picture.h"
#include "pipeline/roles.h"
#include "pipeline/several.h"
#include "tensor/dry_run.h"

namespace zoetrope::pipeline {
namespace {

using diffusion::GuidancePlan;

constexpr int64_t kPreviewFrames = 4;

double rate_of(const Components& components, const Bundle& noise) {
  return components.recipe->rate_slot == Recipe::RateSlot::kMotion
             ? motion_rate(noise.fact<double>("motion"))
             : noise.fact<double>("fps");
}

}  // namespace

const Sampler& sampler_of(const Components& components, const Bundle& noise) {
  return noise.facts.value("distilled", false) ? components.student.value() : components.teacher;
}

GuidancePlan guidance_of(const Components& components, const Bundle& noise) {
  // A student has its guidance inside: one branch.
  if (noise.facts.value("distilled", false)) return GuidancePlan::image_and_text(1.0, 1.0);
  const double text = noise.fact<double>("text_guidance");
  if (components.recipe->guidance == Recipe::Guidance::kClassifierFree) {
    return GuidancePlan::classifier_free(text);
  }
  return GuidancePlan::image_and_text(noise.fact<double>("image_guidance"), text);
}

models::AnimateUnet::Inputs network_inputs(const Components& components, const GuidancePlan& plan,
                                           const Bundle& noise, const Bundle& text,
                                           const Bundle& image, const Bundle* embedding) {
  // Plain guidance takes away the text and the image embedding only, as diffusers does.
  const bool none_has_latents = components.recipe->guidance == Recipe::Guidance::kClassifierFree;
  const at::Tensor& latents = image.tensor("image_latents");
  std::vector<at::Tensor> texts, images, embeddings;
  for (const diffusion::GuidanceBranch& branch : plan.branches()) {
    const bool full = branch.conditioning == diffusion::Conditioning::kFull;
    const bool none = branch.conditioning == diffusion::Conditioning::kNone;
    texts.push_back(text.tensor(full ? "text" : "negative_text"));
    images.push_back(none && !none_has_latents ? at::zeros_like(latents) : latents);
    if (embedding == nullptr) continue;
    const at::Tensor& row = embedding->tensor("image_embeddings");
    embeddings.push_back(none ? at::zeros_like(row) : row);
  }
  const int64_t rows = static_cast<int64_t>(plan.branches().size());
  const auto options = at::TensorOptions(at::kFloat).device(latents.device());
  at::Tensor scales;
  if (sampler_of(components, noise).unet.config().guidance_embeds) {
    const std::vector<double> both = {noise.fact<double>("image_guidance"),
                                      noise.fact<double>("text_guidance")};
    scales = at::tensor(both, at::kFloat).to(options.device()).expand({rows, 2});
  }
  return {.text = at::cat(texts),
          .image_latents = at::cat(images),
          .image_embeddings = embedding == nullptr ? at::Tensor() : at::cat(embeddings),
          .fps = at::full({rows}, rate_of(components, noise), options),
          .guidance = scales};
}

namespace {

// latents [n, h, w, c] as the network knows them -> u8 [n, h', w', 3] on the CPU.
at::Tensor decode_frames(const Components& components, const at::Tensor& latents) {
  const at::Tensor input = components.vae.denormalise(latents).to(components.dtype);
  return tensor::to_host(to_bytes(components.vae.decode(input)));
}

}  // namespace

std::vector<int64_t> latent_shape(const Components& components, int64_t num_frames, int64_t width,
                                  int64_t height) {
  const int64_t down = components.vae.config().downscale();
  return {num_frames, height / down, width / down, components.vae.config().latent_channels};
}

namespace {

// What one of several results needs of `noise`, which holds that of all of them.
Bundle with_noise(const Bundle& noise, const at::Tensor& one) {
  Bundle with = noise;
  with.tensors["noise"] = one;
  return with;
}

DenoiseSession::Setup setup_of(const Components& components, const Bundle& noise,
                               const Bundle& text, const Bundle& image, const Bundle* embedding,
                               const DenoiseHooks& hooks, const RunContext& context) {
  GuidancePlan plan = guidance_of(components, noise);
  const Sampler& sampler = sampler_of(components, noise);
  Conditioning conditioning =
      sampler.unet.condition(network_inputs(components, plan, noise, text, image, embedding))
          .flatten();
  const bool cache_blocks = noise.facts.value("cache_blocks", false);
  std::vector<DenoiseSession::Expert> experts;
  experts.push_back({&sampler.unet, std::move(conditioning), std::move(plan)});
  DenoiseSession::Setup setup{.experts = std::move(experts),
                              .schedule = sampler.scheduler->begin(noise.fact<int>("steps")),
                              .noise = noise.tensor("noise").to(components.device),
                              .block_plan = cache_blocks ? components.block_plan : nullptr,
                              .branches_apart = hooks.branches_apart,
                              .keep_trajectory = noise.fact<bool>("keep_trajectory"),
                              .progress = context.progress,
                              .preview = nullptr,
                              .cancel = context.cancel};
  if (hooks.preview) {
    setup.preview = [&components, show = hooks.preview,
                     wanted = hooks.wants_preview](const at::Tensor& x0) {
      if (wanted && !wanted()) return;
      const int64_t every = std::max<int64_t>(1, x0.size(0) / kPreviewFrames);
      show(decode_frames(components, x0.slice(0, 0, std::nullopt, every)));
    };
  }
  return setup;
}

Bundle denoise(const Components& components, std::span<const Bundle> inputs,
               const DenoiseHooks& hooks, const RunContext& context) {
  const Bundle* embedding = inputs.size() > 3 ? &inputs[3] : nullptr;
  const auto setup = [&](const at::Tensor& noise) {
    return setup_of(components, with_noise(inputs[0], noise), inputs[1], inputs[2], embedding,
                    hooks, context);
  };
  return denoise_several(inputs[0].tensor("noise"), setup, hooks, context);
}

Bundle decode_all(const Components& components, const Bundle& clips, const Bundle& image,
                  const RunContext& context) {
  return decode_several(
      clips.tensor("latents"),
      [&](const at::Tensor& latents, const RunContext& one) {
        Bundle clip;
        clip.tensors["latents"] = latents;
        return decode(components, clip, image, one);
      },
      context);
}

}  // namespace

DenoiseSession make_session(const Components& components, const Bundle& noise, const Bundle& text,
                            const Bundle& image, const Bundle* embedding, const DenoiseHooks& hooks,
                            const RunContext& context) {
  return DenoiseSession(setup_of(components, noise, text, image, embedding, hooks, context));
}

Bundle decode(const Components& components, const Bundle& clip, const Bundle& image,
              const RunContext& context) {
  const at::Tensor& latents = clip.tensor("latents");
  const int64_t frames = latents.size(0);
  const int64_t chunk = decode_chunk(components.device);
  // The first frame is known already; decoding it would be for nothing.
  int64_t done = components.recipe->keep_first_frame ? 1 : 0;
  std::vector<at::Tensor> parts;
  if (done == 1) parts.push_back(image.tensor("first_frame").unsqueeze(0));
  base::report(context.progress, "decode", done, frames);
  while (done < frames) {
    context.cancel.check();
    const int64_t count = std::min(chunk, frames - done);
    parts.push_back(decode_frames(components, latents.narrow(0, done, count)));
    done += count;
    base::report(context.progress, "decode", done, frames);
  }
  Bundle out;
  out.tensors["frames"] = at::cat(parts);
  if (image.facts.value("own_first_frame", false)) {
    out.tensors["own_first_frame"] = decode_frames(components, latents.narrow(0, 0, 1))[0];
  }
  return out;
}

RoleTable make_roles(const Components& components, DenoiseHooks hooks) {
  const auto on_this_thread = [&components](Role role) {
    return on_model_thread(components.device, std::move(role));
  };
  return {{"text_encode", on_this_thread([&components](auto inputs, const RunContext&) {
             return text_encode(components, inputs[0]);
           })},
          {"image_encode", on_this_thread([&components](auto inputs, const RunContext&) {
             return image_encode(components, inputs[0]);
           })},
          {"image_embed", on_this_thread([&components](auto inputs, const RunContext&) {
             return image_embed(components, inputs[0]);
           })},
          {"denoise", on_this_thread([&components, hooks](auto inputs, const RunContext& context) {
             return denoise(components, inputs, hooks, context);
           })},
          {"decode", on_this_thread([&components](auto inputs, const RunContext& context) {
             return decode_all(components, inputs[0], inputs[1], context);
           })}};
}

}  // namespace zoetrope::pipeline
