// What runs at each node of a diffusion transformer's graph.
#include <ATen/ATen.h>

#include <algorithm>
#include <map>
#include <optional>

#include "base/status.h"
#include "pipeline/picture.h"
#include "pipeline/several.h"
#include "pipeline/transformer_model.h"

namespace zoetrope::pipeline {
namespace {

using diffusion::GuidancePlan;
constexpr const char* kNegative = "negative_";

Bundle encode_text(const TextEncoder& encoder, const TextEncoderSpec& spec, const Bundle& prompt) {
  Bundle out;
  for (const std::string prefix : {"", kNegative}) {
    const TextEncoder::Encoded encoded =
        encoder.encode(prompt.facts.value(prefix + "text", std::string()));
    out.tensors[prefix + spec.input] = encoded.states;
    if (encoded.pooled.defined()) out.tensors[prefix + spec.pooled] = encoded.pooled;
    out.facts[prefix + "tokens"] = encoded.tokens;
    out.facts[prefix + "truncated"] = encoded.truncated;
  }
  return out;
}

// The picture covers the frame; what stands out is cut off.
at::Tensor fitted_pixels(const Bundle& picture) {
  return to_pixels(cover(to_image(picture.tensor("pixels")), picture.fact<int>("width"),
                         picture.fact<int>("height")));
}

// [1, f', h', w', m + c]: which frames are given, and the latents of a clip of the picture and then
// nothing (diffusers, pipeline_wan_i2v.py: prepare_latents).
at::Tensor first_frame_condition(const TransformerComponents& parts, const at::Tensor& pixels,
                                 int64_t num_frames) {
  at::Tensor clip = at::zeros({num_frames, pixels.size(0), pixels.size(1), 3}, pixels.options());
  clip[0] = pixels;
  const at::Tensor latents = parts.autoencoder->encode(clip);
  const int64_t multiple = parts.autoencoder->frame_multiple();
  std::vector<int64_t> shape = latents.sizes().vec();
  shape.back() = multiple;
  at::Tensor mask = at::zeros(shape, latents.options());
  mask[0].fill_(1);
  return at::cat({mask, latents}, -1).unsqueeze(0).to(parts.dtype);
}

Bundle image_encode(const TransformerComponents& parts, const Bundle& picture) {
  Bundle out;
  const at::Tensor pixels = to_signed(fitted_pixels(picture)).to(parts.device);
  if (parts.recipe->picture == TransformerRecipe::Picture::kFirstFrame) {
    out.tensors["image"] =
        first_frame_condition(parts, pixels, picture.fact<int64_t>("num_frames"));
  } else {
    out.tensors["image_latents"] = parts.autoencoder->encode(pixels.unsqueeze(0));
  }
  return out;
}

Bundle image_embed(const TransformerComponents& parts, const Bundle& picture) {
  const auto& encoder = parts.image_encoder.value();
  const int size = static_cast<int>(encoder.network.config().image_size);
  const at::Tensor pixels =
      to_pixels(cover(to_image(picture.tensor("pixels")), size, size)).to(at::kFloat) / 255.0;
  const at::Tensor input = models::clip_preprocess(pixels, encoder.statistics)
                               .to(parts.device)
                               .to(parts.dtype)
                               .unsqueeze(0);
  Bundle out;
  out.tensors["image_embeddings"] = encoder.network.penultimate(input);
  return out;
}

GuidancePlan guidance_of(const TransformerComponents& parts, const Bundle& noise) {
  return GuidancePlan::classifier_free(
      noise.fact<double>(parts.guidance_embeds ? "true_cfg_scale" : "text_guidance"));
}

// The network's inputs, one row for each branch: parts of one name are joined, what has a negative
// counterpart takes its place in the branch without conditioning.
weights::ParameterMap network_inputs(const TransformerComponents& parts, const GuidancePlan& plan,
                                     std::span<const Bundle> bundles) {
  std::map<std::string, std::vector<at::Tensor>> found;
  for (const Bundle& bundle : bundles.subspan(1)) {
    for (const auto& [name, tensor] : bundle.tensors) found[name].push_back(tensor);
  }
  found.erase("image_latents");  // the noise was laid over them
  weights::ParameterMap inputs;
  for (const auto& [name, tensors] : found) {
    if (name.starts_with(kNegative)) continue;
    const auto negative = found.find(kNegative + name);
    std::vector<at::Tensor> rows;
    for (const diffusion::GuidanceBranch& branch : plan.branches()) {
      const bool none = branch.conditioning == diffusion::Conditioning::kNone;
      rows.push_back(at::cat(none && negative != found.end() ? negative->second : tensors, -1));
    }
    inputs[name] = at::cat(rows).to(parts.dtype);
  }
  if (parts.guidance_embeds) {
    inputs["guidance"] = at::full({static_cast<int64_t>(plan.branches().size())},
                                  bundles[0].fact<double>("text_guidance"),
                                  at::TensorOptions(at::kFloat).device(parts.device));
  }
  return inputs;
}

std::optional<double> time_shift(const TransformerComponents& parts, const at::Tensor& noise) {
  if (!parts.dynamic_shift) return std::nullopt;
  // A token is 2 x 2 latent elements in every recipe that shifts.
  const bool most = parts.recipe->shift == TransformerRecipe::Shift::kMostTokens;
  const int64_t tokens =
      most ? parts.most_network_tokens : (noise.size(1) / 2) * (noise.size(2) / 2);
  return parts.dynamic_shift->mu(tokens);
}

// Where denoising begins: noise, or a picture's latents under as much of it as `strength` says
// (diffusers, pipeline_flux_img2img.py).
struct Start {
  at::Tensor latents;
  int step = 0;
};
Start start_of(const diffusion::SchedulerState& schedule, const at::Tensor& noise,
               const at::Tensor& picture, double strength) {
  if (!picture.defined()) return {noise, 0};
  const int steps = schedule.steps();
  const int step = static_cast<int>(steps - std::min<double>(steps, steps * strength));
  if (step == steps) return {picture, step};
  const diffusion::NoiseLevel& level = schedule.at(step).from;
  return {picture * level.alpha + noise * level.sigma, step};
}

// The networks with what they are told, the same for all results of a request.
std::vector<DenoiseSession::Expert> experts_of(const TransformerComponents& parts,
                                               std::span<const Bundle> bundles) {
  const at::IntArrayRef noise = bundles[0].tensor("noise").sizes();
  const GuidancePlan plan = guidance_of(parts, bundles[0]);
  const weights::ParameterMap inputs = network_inputs(parts, plan, bundles);
  std::vector<DenoiseSession::Expert> experts;
  for (const TransformerComponents::Expert& expert : parts.experts) {
    experts.push_back({expert.network.get(),
                       expert.network->condition(inputs, {noise[1], noise[2], noise[3], noise[4]}),
                       plan, expert.least_timestep});
  }
  return experts;
}

at::Tensor picture_of(std::span<const Bundle> bundles) {
  for (const Bundle& bundle : bundles) {
    const auto latents = bundle.tensors.find("image_latents");
    if (latents != bundle.tensors.end()) return latents->second;
  }
  return {};
}

Bundle denoise(const TransformerComponents& parts, std::span<const Bundle> bundles,
               const DenoiseHooks& hooks, const RunContext& context) {
  const Bundle& asked = bundles[0];
  const std::vector<DenoiseSession::Expert> experts = experts_of(parts, bundles);
  const at::Tensor picture = picture_of(bundles);
  const auto setup_of = [&](const at::Tensor& noise) {
    DenoiseSession::Setup setup{
        .experts = experts,
        .schedule = parts.scheduler->begin(asked.fact<int>("steps"), time_shift(parts, noise)),
        .noise = {},
        .branches_apart = hooks.branches_apart,
        .keep_trajectory = asked.fact<bool>("keep_trajectory"),
        .progress = nullptr,
        .preview = nullptr,
        .cancel = context.cancel};
    const Start start = start_of(*setup.schedule, noise.to(parts.device), picture,
                                 asked.facts.value("strength", 1.0));
    setup.noise = start.latents;
    setup.first_step = start.step;
    if (hooks.preview) {
      setup.preview = [&](const at::Tensor& x0) {
        if (hooks.wants_preview && !hooks.wants_preview()) return;
        // Of a clip its first frame.
        hooks.preview(parts.autoencoder->decode(x0.narrow(0, 0, 1), hooks.decode_tile, nullptr));
      };
    }
    return setup;
  };
  return denoise_several(asked.tensor("noise"), setup_of, hooks, context);
}

Bundle decode(const TransformerComponents& parts, const Bundle& clip, int64_t tile,
              const RunContext& context) {
  return decode_several(
      clip.tensor("latents"),
      [&](const at::Tensor& latents, const RunContext& one) {
        Bundle out;
        const auto progress = [&](int64_t done, int64_t of) {
          one.cancel.check();
          base::report(one.progress, "decode", done, of);
        };
        out.tensors["frames"] = parts.autoencoder->decode(latents, tile, progress);
        return out;
      },
      context);
}

}  // namespace

RoleTable transformer_roles(const TransformerComponents& components, DenoiseHooks hooks) {
  const auto add = [&components](RoleTable& table, const std::string& name, auto role) {
    table[name] = on_model_thread(components.device, role);
  };
  RoleTable table;
  const TransformerComponents* parts = &components;
  for (size_t i = 0; i < components.text_encoders.size(); ++i) {
    const TextEncoderSpec& spec = components.recipe->text_encoders[i];
    add(table, spec.component,
        [&provider = components.text_encoders[i], &spec](auto inputs, const RunContext&) {
          return encode_text(*provider().encoder, spec, inputs[0]);
        });
  }
  add(table, "image_encode",
      [parts](auto inputs, const RunContext&) { return image_encode(*parts, inputs[0]); });
  add(table, "image_embed",
      [parts](auto inputs, const RunContext&) { return image_embed(*parts, inputs[0]); });
  add(table, "denoise", [parts, hooks](auto inputs, const RunContext& context) {
    return denoise(*parts, inputs, hooks, context);
  });
  add(table, "decode", [parts, tile = hooks.decode_tile](auto inputs, const RunContext& context) {
    return decode(*parts, inputs[0], tile, context);
  });
  return table;
}

}  // namespace zoetrope::pipeline
