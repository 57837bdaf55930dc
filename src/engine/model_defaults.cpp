#include "engine/model_defaults.h"

#include "base/status.h"

namespace zoetrope::engine {

ModelDefaults model_defaults(const pipeline::ModelIndex& index,
                             const pipeline::Components& components) {
  const pipeline::Recipe& recipe = *index.recipe;
  const weights::JsonObject& json = index.json;
  ModelDefaults defaults;
  defaults.pipeline = recipe.class_name;
  defaults.tasks = {Task::kImageToVideo, Task::kImageToImage};  // of every recipe there is
  const auto size = json.get<std::vector<int64_t>>("sample_size", {recipe.height, recipe.width});
  // The latents must halve evenly down to the deepest level of both networks.
  const int64_t unit =
      components.vae.config().downscale() * components.teacher.unet.config().latent_fold;
  for (const int64_t side : size) {
    if (size.size() != 2 || side < unit || side > 8192 || side % unit != 0) {
      throw base::Error(base::data_loss(json.source() +
                                        ": sample_size must be [height, width], multiples of " +
                                        std::to_string(unit)));
    }
  }
  defaults.height = static_cast<int>(size.at(0));
  defaults.width = static_cast<int>(size.at(1));
  defaults.num_frames = json.get<int>("num_frames", 16);
  const auto positions = static_cast<int>(components.teacher.unet.config().position_frames);
  defaults.max_frames = positions > 0 ? positions : 256;
  defaults.fps = json.get<int>("fps", recipe.fps);
  defaults.steps = json.get<int>("num_inference_steps", recipe.steps);
  defaults.three_way_guidance = recipe.guidance == pipeline::Recipe::Guidance::kImageAndText;
  defaults.image_guidance = json.get<double>("image_guidance_scale", 1.5);
  defaults.text_guidance = json.get<double>("text_guidance_scale", recipe.text_guidance);
  defaults.has_motion = recipe.rate_slot == pipeline::Recipe::RateSlot::kMotion;
  defaults.motion = json.get<double>("motion", 0.7);
  defaults.max_prompt_tokens = components.tokenizer.max_length();
  if (components.block_plan != nullptr) {
    defaults.block_cache_steps = components.block_plan->schedule.steps();
  }
  if (components.student) {
    const pipeline::DistilledLimits& limits = components.student->distilled.value();
    defaults.student =
        StudentLimits{limits.steps, limits.least_image_guidance, limits.most_image_guidance,
                      limits.least_text_guidance, limits.most_text_guidance};
  }
  return defaults;
}

}  // namespace zoetrope::engine
