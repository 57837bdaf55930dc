#include "support/random_model.h"

#include <ATen/ATen.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/status.h"
#include "models/animate_unet/network.h"
#include "models/autoencoder_kl/autoencoder_kl.h"
#include "models/clip_text/clip_text.h"
#include "text/bpe_trainer.h"
#include "weights/atomic_file.h"
#include "weights/random_source.h"
#include "weights/tensor_io.h"

namespace zoetrope::test_support {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using weights::Scope;

// What differs between the sizes.
struct Shape {
  int pixels;
  int frames;
  int steps;
  int tokens;
  int64_t text_width, text_layers;
  std::vector<int64_t> vae_widths;
  int64_t vae_group;  // channels
  std::vector<int64_t> unet_widths;
  int64_t unet_group;
  int64_t head_dim;
};
const Shape kTinyShape = {
    kRandomModelSize, kRandomModelFrames, 3, 12, 32, 2, {8, 16, 16}, 4, {16, 32}, 4, 8};
const Shape kBundledShape = {128, 16, 15, 24, 160, 4, {32, 64, 128}, 8, {128, 128}, 16, 32};

// A fresh network ends in zeros, and a test of zeros shows nothing: here those weights are random
// like the others.
class LivelySource final : public weights::ParameterSource {
 public:
  explicit LivelySource(uint64_t seed) : random_(seed) {}
  at::Tensor take(const std::string& name, at::IntArrayRef shape,
                  const weights::Init& init) override {
    const bool dead = init.kind == weights::Init::Kind::kZeros && name.ends_with(".weight");
    return random_.take(name, shape, dead ? weights::Init::normal(0.05) : init);
  }
  bool has(const std::string& name) const override { return random_.has(name); }
  const weights::ParameterMap& parameters() const { return random_.parameters(); }

 private:
  weights::RandomSource random_;
};

void check(const base::Status& status) {
  if (!status.ok()) throw base::Error(status);
}

void write_json(const fs::path& path, const json& value) {
  fs::create_directories(path.parent_path());
  check(weights::write_file(path, value.dump(2) + "\n"));
}

void write_component(const fs::path& folder, const std::string& file, const json& config,
                     const LivelySource& source) {
  write_json(folder / "config.json", config);
  weights::ParameterMap stored;
  for (const auto& [name, value] : source.parameters()) stored[name] = value.to(at::kBFloat16);
  check(weights::save_tensors(folder / file, stored));
}

// Returns the size of the vocabulary.
int64_t write_tokenizer(const fs::path& folder, int tokens) {
  const text::TrainedBpe bpe = text::train_bpe(
      {"a rocket taking off", "a cat nodding", "a person waving", "a rocket turning"}, 540);
  fs::create_directories(folder);
  check(text::save_tokenizer(bpe, folder, tokens));
  return static_cast<int64_t>(bpe.tokens.size());
}

void write_text_encoder(const fs::path& folder, const Shape& shape, int64_t vocabulary,
                        uint64_t seed) {
  models::ClipTextConfig config;
  config.encoder.hidden_size = shape.text_width;
  config.encoder.intermediate_size = 4 * shape.text_width;
  config.encoder.num_hidden_layers = shape.text_layers;
  config.encoder.num_attention_heads = 4;
  config.vocab_size = vocabulary;
  config.max_position_embeddings = shape.tokens;
  config.eos_token_id = vocabulary - 1;
  LivelySource source(seed);
  (void)models::ClipText(Scope(source), config);
  write_component(folder, "model.safetensors", config.to_json(), source);
}

void write_vae(const fs::path& folder, const Shape& shape, uint64_t seed) {
  models::AutoencoderKlConfig config;
  config.block_out_channels = shape.vae_widths;
  config.norm_num_groups = shape.vae_widths.front() / shape.vae_group;
  config.mid_block_add_attention = false;
  config.scaling_factor = 1.0;
  config.latents_mean = {0.1, -0.1, 0.0, 0.2};
  config.latents_std = {1.0, 1.5, 0.7, 1.2};
  LivelySource source(seed);
  (void)models::AutoencoderKl(Scope(source), config);
  write_component(folder, "diffusion_pytorch_model.safetensors", config.to_json(), source);
}

models::AnimateUnetConfig unet_config(const Shape& shape) {
  models::AnimateUnetConfig config;
  config.block_out_channels = shape.unet_widths;
  config.down_block_has_attention = {true, true};
  config.up_block_has_attention = {true, true};
  config.layers_per_block = 1;
  config.norm_num_groups = shape.unet_widths.front() / shape.unet_group;
  config.cross_attention_dim = shape.text_width;
  config.attention_head_dim = shape.head_dim;
  config.latent_fold = 2;
  config.first_frame_keys = true;
  config.position_size = shape.pixels / 4 / 2;  // the autoencoder's and the fold's share
  config.position_frames = shape.frames;
  config.time_scale_shift = true;
  config.temporal_conv_layers = 2;
  config.temporal_double_self_attention = false;
  config.transformer_projections = false;
  config.feed_forward_multiple = 2;
  config.temporal_transformer_in = false;
  config.image_latents_encoder = false;
  config.image_embeddings = false;
  config.image_context_size = config.position_size;
  return config;
}

void write_unet(const fs::path& folder, const models::AnimateUnetConfig& config, json stored,
                uint64_t seed) {
  LivelySource source(seed);
  (void)models::AnimateUnet(config, Scope(source));
  stored.update(config.to_json());
  write_component(folder, "diffusion_pytorch_model.safetensors", stored, source);
}

}  // namespace

void write_random_model(const fs::path& folder, ModelSize size, uint64_t seed) {
  const Shape& shape = size == ModelSize::kTiny ? kTinyShape : kBundledShape;
  const int64_t vocabulary = write_tokenizer(folder / "tokenizer", shape.tokens);
  write_text_encoder(folder / "text_encoder", shape, vocabulary, seed);
  write_vae(folder / "vae", shape, seed + 1);
  write_unet(folder / "unet", unet_config(shape), json::object(), seed + 2);
  write_json(folder / "scheduler" / "scheduler_config.json",
             {{"_class_name", "DPMSolverMultistepScheduler"},
              {"beta_schedule", "continuous_cosine"},
              {"prediction_type", "v_prediction"},
              {"num_train_timesteps", 1000}});
  write_json(folder / "model_index.json", {{"_class_name", "ZoetropeAnimatePipeline"},
                                           {"num_frames", shape.frames},
                                           {"fps", 12},
                                           {"num_inference_steps", shape.steps},
                                           {"image_guidance_scale", 1.5},
                                           {"text_guidance_scale", 3.0},
                                           {"motion", 0.7},
                                           {"sample_size", {shape.pixels, shape.pixels}}});
}

void add_random_student(const fs::path& folder) {
  auto config = unet_config(kTinyShape);
  config.guidance_embeds = true;
  const json limits = {{"num_inference_steps", kRandomStudentSteps},
                       {"image_guidance_scale", {1.0, 2.5}},
                       {"text_guidance_scale", {1.0, 5.0}}};
  write_unet(folder / "student", config, {{"distillation", limits}}, 7);
  write_json(folder / "student" / "scheduler_config.json", {{"_class_name", "DDIMScheduler"},
                                                            {"beta_schedule", "continuous_cosine"},
                                                            {"clip_sample", false},
                                                            {"prediction_type", "v_prediction"}});
  std::ifstream file(folder / "model_index.json");
  json index = json::parse(file);
  index["student"] = {"zoetrope", "AnimateUnet"};
  write_json(folder / "model_index.json", index);
}

}  // namespace zoetrope::test_support
