#include "engine/model_defaults.h"

namespace zoetrope::engine {
namespace {

std::vector<Task> tasks_of(const pipeline::ModelTraits& traits) {
  std::vector<Task> tasks;
  for (const pipeline::Source source : traits.sources) {
    const bool text = source == pipeline::Source::kText;
    if (traits.makes_video) tasks.push_back(text ? Task::kTextToVideo : Task::kImageToVideo);
    tasks.push_back(text ? Task::kTextToImage : Task::kImageToImage);
  }
  return tasks;
}

}  // namespace

ModelDefaults model_defaults(const pipeline::ModelTraits& traits) {
  ModelDefaults defaults;
  defaults.pipeline = traits.class_name;
  defaults.tasks = tasks_of(traits);
  defaults.width = traits.width;
  defaults.height = traits.height;
  defaults.size_multiple = traits.size_multiple;
  defaults.makes_video = traits.makes_video;
  defaults.num_frames = traits.num_frames;
  defaults.max_frames = traits.max_frames;
  defaults.frame_multiple = traits.frame_multiple;
  defaults.fps = traits.fps;
  defaults.steps = traits.steps;
  defaults.three_way_guidance = traits.three_way_guidance;
  defaults.image_guidance = traits.image_guidance;
  defaults.text_guidance = traits.text_guidance;
  defaults.guidance_embeds = traits.guidance_embeds;
  defaults.has_motion = traits.has_motion;
  defaults.motion = traits.motion;
  defaults.max_prompt_tokens = traits.max_prompt_tokens;
  defaults.block_cache_steps = traits.block_cache_steps;
  if (traits.student) {
    const pipeline::DistilledLimits& limits = *traits.student;
    defaults.student =
        StudentLimits{limits.steps, limits.least_image_guidance, limits.most_image_guidance,
                      limits.least_text_guidance, limits.most_text_guidance};
  }
  return defaults;
}

}  // namespace zoetrope::engine
