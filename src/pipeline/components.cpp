#include "pipeline/components.h"

#include <fstream>
#include <functional>
#include <set>
#include <sstream>

#include "base/status.h"
#include "diffusion/scheduler_config.h"
#include "pipeline/block_caching.h"
#include "weights/checkpoint.h"

namespace zoetrope::pipeline {
namespace {

namespace fs = std::filesystem;
using weights::CheckpointSource;
using weights::JsonObject;
using weights::Scope;

std::string read_text(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw base::Error(base::not_found(path.string() + ": no such file"));
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

JsonObject config_of(const ModelIndex& index, const char* component,
                     const char* file = "config.json") {
  return JsonObject::read(index.folder / component / file).value_or_throw();
}

CheckpointSource source_of(const ModelIndex& index, const char* component, at::ScalarType dtype,
                           at::Device device) {
  return CheckpointSource(weights::Checkpoint::open(index.folder / component).value_or_throw(),
                          dtype, device);
}

models::ClipText make_text_encoder(const ModelIndex& index, weights::ParameterSource& source) {
  auto config = models::ClipTextConfig::from_json(config_of(index, "text_encoder"));
  config.encoder.num_hidden_layers -= index.recipe->text_layers_skipped;
  return models::ClipText(Scope(source), config);
}

models::AutoencoderKl make_vae(const ModelIndex& index, weights::ParameterSource& source) {
  return models::AutoencoderKl(Scope(source),
                               models::AutoencoderKlConfig::from_json(config_of(index, "vae")));
}

models::AnimateUnet make_unet(const ModelIndex& index, const char* component,
                              weights::ParameterSource& source) {
  return models::AnimateUnet(models::AnimateUnetConfig::from_json(config_of(index, component)),
                             Scope(source));
}

bool has_student(const ModelIndex& index) { return index.json.has("student"); }

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
                            models::ClipVisionConfig::from_json(config_of(index, "image_encoder")));
}

std::unique_ptr<const diffusion::Scheduler> make_scheduler(const ModelIndex& index,
                                                           const char* component) {
  const fs::path path = index.folder / component / "scheduler_config.json";
  try {
    return diffusion::parse_scheduler(read_text(path));
  } catch (const base::Error& error) {
    if (error.status().code() == base::StatusCode::kNotFound) throw;
    throw base::Error(error.status().with_context(path.string()));
  }
}

at::ScalarType file_dtype(const std::set<at::ScalarType>& dtypes) {
  for (const at::ScalarType dtype : dtypes) {
    if (at::isFloatingType(dtype)) return dtype;
  }
  return at::kFloat;
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

ModelIndex read_model_index(const fs::path& folder) {
  JsonObject json = JsonObject::read(folder / "model_index.json").value_or_throw();
  const Recipe& recipe = find_recipe(json.require<std::string>("_class_name"));
  return {folder, std::move(json), &recipe};
}

Components load_components(const ModelIndex& index, at::ScalarType dtype, at::Device device) {
  CheckpointSource text = source_of(index, "text_encoder", dtype, device);
  CheckpointSource vae = source_of(index, "vae", dtype, device);
  const auto denoiser = [&](const char* unet, const char* scheduler) {
    CheckpointSource source = source_of(index, unet, dtype, device);
    return Denoiser{make_unet(index, unet, source), make_scheduler(index, scheduler), std::nullopt};
  };
  Components parts{
      .recipe = index.recipe,
      .device = device,
      .dtype = dtype,
      .tokenizer = text::ClipTokenizer::open(index.folder / "tokenizer").value_or_throw(),
      .text_encoder = make_text_encoder(index, text),
      .vae = make_vae(index, vae),
      .teacher = denoiser("unet", "scheduler"),
      .student = std::nullopt,
      .block_plan = nullptr,
      .image_encoder = std::nullopt,
      .image_statistics = {}};
  if (has_student(index)) {
    parts.student = denoiser("student", "student");
    parts.student->distilled = read_limits(config_of(index, "student"));
  }
  if (index.recipe->image_encoder) {
    CheckpointSource image = source_of(index, "image_encoder", dtype, device);
    parts.image_encoder = make_image_encoder(index, image);
    parts.image_statistics = models::ClipImageStatistics::from_json(
        config_of(index, "feature_extractor", "preprocessor_config.json"));
  }
  check_fit(index, parts);
  parts.block_plan = read_block_plan(index.folder, parts.teacher.unet.stacked_blocks(), device);
  return parts;
}

int64_t weight_bytes(const ModelIndex& index, at::ScalarType dtype) {
  std::vector<const char*> names = {"text_encoder", "vae", "unet"};
  if (has_student(index)) names.push_back("student");
  if (index.recipe->image_encoder) names.push_back("image_encoder");
  int64_t elements = 0;
  for (const char* name : names) {
    const CheckpointSource source = source_of(index, name, dtype, at::kCPU);
    for (const std::string& tensor : source.checkpoint().names()) {
      elements += source.checkpoint().tensor(tensor).numel();
    }
  }
  return elements * static_cast<int64_t>(c10::elementSize(dtype));
}

std::vector<ComponentCheck> check_components(const ModelIndex& index) {
  using Build = std::function<void(weights::ParameterSource&)>;
  std::vector<std::pair<const char*, Build>> builds = {
      {"text_encoder", [&](auto& source) { (void)make_text_encoder(index, source); }},
      {"vae", [&](auto& source) { (void)make_vae(index, source); }},
      {"unet", [&](auto& source) { (void)make_unet(index, "unet", source); }}};
  if (has_student(index)) {
    builds.push_back({"student", [&](auto& source) {
                        (void)make_unet(index, "student", source);
                        (void)read_limits(config_of(index, "student"));
                      }});
  }
  if (index.recipe->image_encoder) {
    builds.push_back(
        {"image_encoder", [&](auto& source) { (void)make_image_encoder(index, source); }});
  }
  std::vector<ComponentCheck> checks;
  for (const auto& [name, build] : builds) {
    ComponentCheck check;
    check.name = name;
    try {
      const auto checkpoint = weights::Checkpoint::open(index.folder / name).value_or_throw();
      std::set<at::ScalarType> dtypes;
      for (const std::string& tensor : checkpoint.names()) {
        const at::Tensor value = checkpoint.tensor(tensor);
        check.parameters += value.numel();
        dtypes.insert(value.scalar_type());
      }
      check.dtypes.assign(dtypes.begin(), dtypes.end());
      check.bytes = checkpoint.total_bytes();
      // In the file's own dtype nothing is converted, so the weights stay on the disk.
      CheckpointSource source(checkpoint, file_dtype(dtypes), at::kCPU);
      build(source);
      check.unused = source.unused();
    } catch (const base::Error& error) {
      check.problem = error.what();
    }
    checks.push_back(std::move(check));
  }
  return checks;
}

}  // namespace zoetrope::pipeline
