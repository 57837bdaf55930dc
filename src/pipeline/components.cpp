#include "pipeline/components.h"

#include <string>

#include "base/status.h"
#include "pipeline/block_caching.h"

namespace zoetrope::pipeline {
namespace {

using weights::CheckpointSource;
using weights::JsonObject;
using weights::Scope;

models::ClipText make_text_encoder(const ModelIndex& index, weights::ParameterSource& source) {
  auto config = models::ClipTextConfig::from_json(index.config("text_encoder"));
  config.encoder.num_hidden_layers -= index.recipe->text_layers_skipped;
  return models::ClipText(Scope(source), config);
}

models::AutoencoderKl make_vae(const ModelIndex& index, weights::ParameterSource& source) {
  return models::AutoencoderKl(Scope(source),
                               models::AutoencoderKlConfig::from_json(index.config("vae")));
}

models::AnimateUnet make_unet(const ModelIndex& index, const char* component,
                              weights::ParameterSource& source) {
  return models::AnimateUnet(models::AnimateUnetConfig::from_json(index.config(component)),
                             Scope(source));
}

// Written by `zoetrope distill` into the student's config.json.
DistilledLimits read_limits(const JsonObject& config) {
  const auto json = config.require<JsonObject>("distillation");
  const auto range = [&](const char* field) {
    const auto ends = json.require<std::vector<double>>(field);
    if (ends.size() != 2 || !(ends[0] <= ends[1])) {
      throw base::Error(
          base::data_loss(config.source() + ": distillation." + field + " must be [least, most]"));
    }
    return ends;
  };
  const auto image = range("image_guidance_scale"), text = range("text_guidance_scale");
  const int steps = json.require<int>("num_inference_steps");
  if (steps < 1 || steps > 1000) {
    throw base::Error(
        base::data_loss(config.source() + ": distillation.num_inference_steps is not in 1..1000"));
  }
  return {steps, image[0], image[1], text[0], text[1]};
}

models::ClipVision make_image_encoder(const ModelIndex& index, weights::ParameterSource& source) {
  return models::ClipVision(Scope(source),
                            models::ClipVisionConfig::from_json(index.config("image_encoder")));
}

// Parts that must fit each other, each of which is fine by itself.
void check_fit(const ModelIndex& index, const Components& parts) {
  const auto wrong = [&](const std::string& what) {
    throw base::Error(base::data_loss(index.folder.string() + ": " + what));
  };
  const models::AnimateUnetConfig& unet = parts.teacher.unet.config();
  if (parts.tokenizer.largest_id() >= parts.text_encoder.config().vocab_size) {
    wrong("the tokenizer has ids beyond the text encoder's vocab_size");
  }
  if (parts.tokenizer.max_length() > parts.text_encoder.config().max_position_embeddings) {
    wrong("the tokenizer's model_max_length is over the text encoder's max_position_embeddings");
  }
  if (parts.text_encoder.config().encoder.hidden_size != unet.cross_attention_dim) {
    wrong("the text encoder's hidden_size is not the U-Net's cross_attention_dim");
  }
  if (parts.vae.config().latent_channels != unet.in_channels) {
    wrong("the autoencoder's latent_channels is not the U-Net's in_channels");
  }
  if (parts.image_encoder.has_value() != unet.image_embeddings) {
    wrong("the U-Net and the pipeline disagree about an image encoder");
  }
  if (!parts.student) return;
  const models::AnimateUnetConfig& student = parts.student->unet.config();
  if (student.cross_attention_dim != unet.cross_attention_dim ||
      student.in_channels != unet.in_channels || student.latent_fold != unet.latent_fold) {
    wrong("the student was distilled from another U-Net");
  }
}

}  // namespace

Components load_components(const ModelIndex& index, at::ScalarType dtype, at::Device device) {
  CheckpointSource text = index.source("text_encoder", dtype, device);
  CheckpointSource vae = index.source("vae", dtype, device);
  const auto sampler = [&](const char* unet, const char* scheduler) {
    CheckpointSource source = index.source(unet, dtype, device);
    return Sampler{make_unet(index, unet, source), index.scheduler(scheduler), std::nullopt};
  };
  Components parts{
      .recipe = index.recipe,
      .device = device,
      .dtype = dtype,
      .tokenizer = text::ClipTokenizer::open(index.folder / "tokenizer").value_or_throw(),
      .text_encoder = make_text_encoder(index, text),
      .vae = make_vae(index, vae),
      .teacher = sampler("unet", "scheduler"),
      .student = std::nullopt,
      .block_plan = nullptr,
      .image_encoder = std::nullopt,
      .image_statistics = {}};
  if (index.has("student")) {
    parts.student = sampler("student", "student");
    parts.student->distilled = read_limits(index.config("student"));
  }
  if (index.recipe->image_encoder) {
    CheckpointSource image = index.source("image_encoder", dtype, device);
    parts.image_encoder = make_image_encoder(index, image);
    parts.image_statistics = models::ClipImageStatistics::from_json(
        index.config("feature_extractor", "preprocessor_config.json"));
  }
  check_fit(index, parts);
  parts.block_plan = read_block_plan(index.folder, parts.teacher.unet.stacked_blocks(), device);
  return parts;
}

std::vector<ComponentLoader> animate_component_loaders(const ModelIndex& index) {
  std::vector<ComponentLoader> loaders = {
      {"text_encoder", [&](auto& source) { return held(make_text_encoder(index, source)); }},
      {"vae", [&](auto& source) { return held(make_vae(index, source)); }},
      {"unet", [&](auto& source) { return held(make_unet(index, "unet", source)); }}};
  if (index.has("student")) {
    loaders.push_back({"student", [&](auto& source) {
                         (void)read_limits(index.config("student"));
                         return held(make_unet(index, "student", source));
                       }});
  }
  if (index.recipe->image_encoder) {
    loaders.push_back(
        {"image_encoder", [&](auto& source) { return held(make_image_encoder(index, source)); }});
  }
  return loaders;
}

}  // namespace zoetrope::pipeline
