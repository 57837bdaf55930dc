#include "pipeline/transformer_model.h"

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <utility>

#include "base/status.h"
#include "diffusion/scheduler_config.h"
#include "pipeline/offload.h"
#include "tensor/dry_run.h"
#include "weights/original_names.h"
#include "weights/quantising_source.h"

namespace zoetrope::pipeline {
namespace {

using weights::JsonObject;
using weights::Scope;

// Sides of a picture must be multiples of this many latent elements: a token is 2 x 2 of them.
constexpr int64_t kPatch = 2;
constexpr int kMostSide = 4096;

models::ClipVision make_image_encoder(const ModelIndex& index, weights::ParameterSource& source) {
  return models::ClipVision(Scope(source),
                            models::ClipVisionConfig::from_json(index.config("image_encoder")));
}

// Published by diffusers, or by the authors in one file with names of their own.
// `place` makes the network of its weights, somewhere.
using Place = std::function<std::unique_ptr<models::Denoiser>(weights::ParameterSource& weights,
                                                              const MakeDenoiser& make)>;
std::unique_ptr<models::Denoiser> make_network(const ModelIndex& index,
                                               const std::string& component,
                                               weights::CheckpointSource& source,
                                               const Place& place) {
  const JsonObject config = index.config(component);
  const MakeDenoiser make = [&](weights::ParameterSource& named) {
    return models::make_denoiser(config, Scope(named));
  };
  const auto placed = [&](weights::ParameterSource& named) {
    weights::QuantisingSource quantising(named, index.linears);
    return place(quantising, make);
  };
  const weights::OriginalFormat* format = weights::original_format(source.checkpoint());
  if (format == nullptr) return placed(source);
  weights::OriginalSource translated(source, *format);
  return placed(translated);
}

std::unique_ptr<models::Denoiser> make_network(const ModelIndex& index,
                                               const std::string& component,
                                               weights::CheckpointSource& source) {
  return make_network(
      index, component, source,
      [](weights::ParameterSource& weights, const MakeDenoiser& make) { return make(weights); });
}

std::vector<int64_t> block_bytes_of(const ModelIndex& index, const std::string& component,
                                    at::ScalarType dtype) {
  const tensor::DryRun shapes_only(at::kCPU);
  weights::CheckpointSource source = index.source(component, dtype, at::kMeta);
  std::vector<int64_t> bytes;
  make_network(index, component, source,
               [&](weights::ParameterSource& weights, const MakeDenoiser& make) {
                 bytes = block_bytes(make, weights);
                 return nullptr;
               });
  return bytes;
}

// With its blocks where `index.placement` wants them.
std::unique_ptr<models::Denoiser> load_network(const ModelIndex& index,
                                               const std::string& component, at::ScalarType dtype,
                                               at::Device device) {
  weights::CheckpointSource source = index.source(component, dtype, device);
  const auto& budget = index.placement.block_budget_bytes;
  if (!budget) return make_network(index, component, source);
  const auto plan = plan_offload(block_bytes_of(index, component, dtype), *budget);
  if (!plan) {
    throw base::Error(
        base::resource_exhausted(component + ": the memory leaves no room for two of its blocks"));
  }
  return make_network(index, component, source,
                      [&](weights::ParameterSource& weights, const MakeDenoiser& make) {
                        return make_offloaded(make, weights, *plan, device,
                                              {.poison_slots = index.placement.poison_slots});
                      });
}

std::vector<std::string> expert_names(const ModelIndex& index) {
  std::vector<std::string> names = {"transformer"};
  if (index.has("transformer_2")) names.emplace_back("transformer_2");
  return names;
}

// Wan 2.2 asks its second network below this share of the noise.
double boundary_timestep(const ModelIndex& index) {
  const double ratio = index.json.require<double>("boundary_ratio");
  const auto steps =
      index.config("scheduler", "scheduler_config.json").get<int64_t>("num_train_timesteps", 1000);
  return ratio * static_cast<double>(steps);
}

std::unique_ptr<const diffusion::Scheduler> make_scheduler(const ModelIndex& index) {
  if (index.transformer->shift != TransformerRecipe::Shift::kPictureTokens) {
    return index.scheduler("scheduler");
  }
  // FLUX's pipeline places the steps itself.
  const auto path = index.folder / "scheduler" / "scheduler_config.json";
  std::ifstream file(path);
  nlohmann::json config = nlohmann::json::parse(file, nullptr, /*allow_exceptions=*/false);
  if (!config.is_object()) throw base::Error(base::data_loss(path.string() + ": not valid JSON"));
  config["flow_nodes"] = "even";
  return diffusion::make_scheduler(config);
}

std::optional<TransformerComponents::DynamicShift> dynamic_shift(const ModelIndex& index) {
  const JsonObject config = index.config("scheduler", "scheduler_config.json");
  if (!config.get<bool>("use_dynamic_shifting", false)) return std::nullopt;
  const TransformerComponents::DynamicShift shift{
      config.get<double>("base_image_seq_len", 256), config.get<double>("max_image_seq_len", 4096),
      config.get<double>("base_shift", 0.5), config.get<double>("max_shift", 1.15)};
  if (!(shift.base_tokens < shift.most_tokens)) {
    throw base::Error(
        base::data_loss(config.source() + ": base_image_seq_len is not below max_image_seq_len"));
  }
  return shift;
}

int64_t most_tokens(const JsonObject& transformer) {
  const auto sides = transformer.get<std::vector<int64_t>>("max_resolution", {128, 128});
  if (sides.size() != 2) {
    throw base::Error(
        base::data_loss(transformer.source() + ": max_resolution must be [height, width]"));
  }
  return sides[0] * sides[1] / (kPatch * kPatch);
}

class TransformerModel final : public Model {
 public:
  TransformerModel(TransformerComponents parts, ModelTraits traits)
      : Model(parts.device, parts.dtype),
        parts_(std::move(parts)),
        traits_(std::move(traits)),
        from_text_(transformer_graph(*parts_.recipe, false, false)),
        from_picture_(transformer_graph(*parts_.recipe, true, parts_.image_encoder.has_value())) {}

  ModelTraits traits() const override { return traits_; }
  const Graph& graph(Source source) const override {
    return source == Source::kText ? from_text_ : from_picture_;
  }
  RoleTable roles(DenoiseHooks hooks) const override {
    return transformer_roles(parts_, std::move(hooks));
  }
  std::vector<int64_t> latent_shape(const RunSize& size) const override {
    return parts_.autoencoder->latent_shape(size.num_frames, size.height, size.width);
  }

 private:
  TransformerComponents parts_;
  ModelTraits traits_;
  Graph from_text_, from_picture_;
};

std::vector<Source> sources_of(const TransformerRecipe& recipe) {
  switch (recipe.picture) {
    case TransformerRecipe::Picture::kNone:
      return {Source::kText};
    case TransformerRecipe::Picture::kStart:
      return {Source::kText, Source::kPicture};
    case TransformerRecipe::Picture::kFirstFrame:
      return {Source::kPicture};
  }
  return {};
}

ModelTraits traits_of(const ModelIndex& index, const TransformerComponents& parts) {
  const TransformerRecipe& recipe = *index.transformer;
  ModelTraits traits;
  traits.class_name = recipe.class_name;
  traits.sources = sources_of(recipe);
  traits.linears = index.linears.format;
  traits.attention = index.attention;
  traits.lossless = recipe.lossless.contains(traits.linears) &&
                    traits.attention == ops::AttentionPrecision::kExact;
  traits.makes_video = recipe.makes_video();
  traits.size_multiple = static_cast<int>(parts.autoencoder->downscale() * kPatch);
  // A fine-tuned or small checkpoint may say what it was trained for.
  const auto size =
      index.json.get<std::vector<int64_t>>("sample_size", {recipe.height, recipe.width});
  for (const int64_t side : size) {
    if (size.size() != 2 || side < traits.size_multiple || side > kMostSide ||
        side % traits.size_multiple != 0) {
      throw base::Error(base::data_loss(index.json.source() +
                                        ": sample_size must be [height, width], multiples of " +
                                        std::to_string(traits.size_multiple)));
    }
  }
  traits.height = static_cast<int>(size.at(0));
  traits.width = static_cast<int>(size.at(1));
  traits.frame_multiple = static_cast<int>(parts.autoencoder->frame_multiple());
  traits.num_frames = index.json.get<int>("num_frames", recipe.num_frames);
  traits.max_frames = recipe.makes_video() ? 1 + 256 * traits.frame_multiple : 1;
  traits.fps = index.json.get<int>("fps", recipe.fps);
  traits.steps = index.json.get<int>("num_inference_steps", recipe.steps);
  traits.text_guidance = recipe.text_guidance;
  traits.guidance_embeds = parts.guidance_embeds;
  for (const TextEncoderSpec& encoder : recipe.text_encoders) {
    traits.max_prompt_tokens = std::max(traits.max_prompt_tokens, encoder.max_tokens);
  }
  return traits;
}

}  // namespace

TransformerComponents load_transformer_components(const ModelIndex& index, at::ScalarType dtype,
                                                  at::Device device) {
  if (index.json.get<bool>("expand_timesteps", false)) {
    throw base::Error(base::StatusCode::kUnimplemented,
                      index.json.source() + ": expand_timesteps (Wan2.2 5B) is not supported");
  }
  const JsonObject transformer = index.config("transformer");
  TransformerComponents parts;
  parts.recipe = index.transformer;
  parts.device = device;
  parts.dtype = dtype;
  const auto one_at_a_time = std::make_shared<std::mutex>();
  for (const TextEncoderSpec& spec : index.transformer->text_encoders) {
    parts.text_encoders.push_back(text_encoder_provider(index, spec, dtype, device, one_at_a_time));
  }
  parts.autoencoder = load_autoencoder(index, dtype, device);
  for (const std::string& name : expert_names(index)) {
    parts.experts.push_back({load_network(index, name, dtype, device), 0});
  }
  if (parts.experts.size() > 1) parts.experts.front().least_timestep = boundary_timestep(index);
  parts.guidance_embeds = transformer.get<bool>("guidance_embeds", false);
  parts.scheduler = make_scheduler(index);
  parts.dynamic_shift = dynamic_shift(index);
  parts.most_network_tokens = most_tokens(transformer);
  if (index.has("image_encoder")) {
    weights::CheckpointSource source = index.source("image_encoder", dtype, device);
    parts.image_encoder.emplace(TransformerComponents::ImageEncoder{
        make_image_encoder(index, source), models::ClipImageStatistics::from_json(index.config(
                                               "image_processor", "preprocessor_config.json"))});
  }
  return parts;
}

std::unique_ptr<Model> load_transformer_model(const ModelIndex& index, at::ScalarType dtype,
                                              at::Device device) {
  TransformerComponents parts = load_transformer_components(index, dtype, device);
  ModelTraits traits = traits_of(index, parts);
  return std::make_unique<TransformerModel>(std::move(parts), std::move(traits));
}

std::vector<std::vector<int64_t>> denoiser_block_bytes(const ModelIndex& index,
                                                       at::ScalarType dtype) {
  std::vector<std::vector<int64_t>> all;
  for (const std::string& name : expert_names(index)) {
    all.push_back(block_bytes_of(index, name, dtype));
  }
  return all;
}

std::vector<ComponentLoader> transformer_component_loaders(const ModelIndex& index) {
  std::vector<ComponentLoader> loaders;
  for (const TextEncoderSpec& spec : index.transformer->text_encoders) {
    ComponentLoader loader{spec.component, [&index, spec](weights::CheckpointSource& source) {
                             return build_text_encoder(index, spec, source);
                           }};
    if (spec.kind == TextEncoderSpec::Kind::kLlamaStates) loader.left_out = {"lm_head.weight"};
    loaders.push_back(std::move(loader));
  }
  for (const std::string& name : expert_names(index)) {
    loaders.push_back({name, [&index, name](weights::CheckpointSource& source) {
                         return held(make_network(index, name, source));
                       }});
  }
  loaders.push_back({"vae", [&index](weights::CheckpointSource& source) {
                       return build_autoencoder(index, source);
                     }});
  if (index.has("image_encoder")) {
    loaders.push_back({"image_encoder", [&index](weights::CheckpointSource& source) {
                         return held(make_image_encoder(index, source));
                       }});
  }
  return loaders;
}

}  // namespace zoetrope::pipeline
