#include "pipeline/animate_model.h"

#include <string>
#include <utility>

#include "base/status.h"
#include "pipeline/roles.h"

namespace zoetrope::pipeline {
namespace {

class AnimateModel final : public Model {
 public:
  AnimateModel(Components components, ModelTraits traits)
      : Model(components.device, components.dtype),
        components_(std::move(components)),
        traits_(std::move(traits)) {}

  ModelTraits traits() const override { return traits_; }
  const Graph& graph(Source) const override { return components_.recipe->graph; }
  RoleTable roles(DenoiseHooks hooks) const override {
    return make_roles(components_, std::move(hooks));
  }
  std::vector<int64_t> latent_shape(const RunSize& size) const override {
    return pipeline::latent_shape(components_, size.num_frames, size.width, size.height);
  }

 private:
  Components components_;
  ModelTraits traits_;
};

}  // namespace

ModelTraits animate_traits(const ModelIndex& index, const Components& components) {
  const Recipe& recipe = *index.recipe;
  const weights::JsonObject& json = index.json;
  ModelTraits traits;
  traits.class_name = recipe.class_name;
  traits.sources = {Source::kPicture};
  traits.makes_video = true;
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
  traits.height = static_cast<int>(size.at(0));
  traits.width = static_cast<int>(size.at(1));
  traits.num_frames = json.get<int>("num_frames", 16);
  const auto positions = static_cast<int>(components.teacher.unet.config().position_frames);
  traits.max_frames = positions > 0 ? positions : 256;
  traits.fps = json.get<int>("fps", recipe.fps);
  traits.steps = json.get<int>("num_inference_steps", recipe.steps);
  traits.three_way_guidance = recipe.guidance == Recipe::Guidance::kImageAndText;
  traits.image_guidance = json.get<double>("image_guidance_scale", 1.5);
  traits.text_guidance = json.get<double>("text_guidance_scale", recipe.text_guidance);
  traits.has_motion = recipe.rate_slot == Recipe::RateSlot::kMotion;
  traits.motion = json.get<double>("motion", 0.7);
  traits.max_prompt_tokens = components.tokenizer.max_length();
  if (components.block_plan != nullptr) {
    traits.block_cache_steps = components.block_plan->schedule.steps();
  }
  if (components.student) traits.student = components.student->distilled;
  return traits;
}

std::unique_ptr<Model> load_animate_model(const ModelIndex& index, at::ScalarType dtype,
                                          at::Device device) {
  Components components = load_components(index, dtype, device);
  ModelTraits traits = animate_traits(index, components);
  return std::make_unique<AnimateModel>(std::move(components), std::move(traits));
}

}  // namespace zoetrope::pipeline
