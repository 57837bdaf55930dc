#include "train/animate_trainer.h"

#include <ATen/ATen.h>

#include <fmt/format.h>

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/philox.h"
#include "tensor/noise.h"
#include "train/animate_networks.h"
#include "train/animate_validation.h"
#include "train/model_folder.h"
#include "train/training_clips.h"
#include "weights/checkpoint.h"
#include "weights/random_source.h"

namespace zoetrope::train {
namespace {

constexpr double kMaxSnrWeight = 6.0;   // loss weight min(1, 6 / (SNR + 1))
constexpr int64_t kScalarsPerClip = 3;  // t, whether the picture is given, motion
constexpr int64_t kIndicesPerClip = 4;  // latents, prompt, first frame, direction (1 or -1)

// Parameters of both networks, random or from a folder of trained weights; what the folder lacks,
// or has in another shape, starts at random.
weights::ParameterMap initial_parameters(const AnimateTraining& options,
                                         const std::function<void(const std::string&)>& print) {
  weights::RandomSource source(options.loop.seed);
  const AnimateNetworks networks(source, options.unet, options.text);
  weights::ParameterMap parameters = source.parameters();
  if (options.initial_folder.empty()) return parameters;
  for (const std::string component : {"unet", "text_encoder"}) {
    const auto checkpoint =
        weights::Checkpoint::open(options.initial_folder + "/" + component).value_or_throw();
    for (auto& [name, value] : parameters) {
      if (!name.starts_with(component + ".")) continue;
      const std::string stored = name.substr(component.size() + 1);
      if (checkpoint.has(stored) && checkpoint.tensor(stored).sizes() == value.sizes()) {
        value = checkpoint.tensor(stored);
      } else {
        print("starting afresh: " + name);
      }
    }
  }
  return parameters;
}

// Only a run that is meant to stop and go on needs its latents on the disk.
std::string cache_file(const LoopOptions& loop) {
  return loop.max_seconds > 0 ? loop.folder + "/latents.safetensors" : std::string();
}

class AnimateTrainer {
 public:
  AnimateTrainer(const AnimateTraining& options, const TrainingData& data,
                 const models::AutoencoderKl& autoencoder,
                 const std::function<void(const std::string&)>& print)
      : options_(options),
        print_(print),
        clips_(data, autoencoder,
               {options.cache, options.still_share, options.device, cache_file(options.loop)}),
        parameters_(initial_parameters(options, print), options.dtype, options.device),
        optimiser_(parameters_, {.beta2 = 0.98, .weight_decay = 0.02}),
        leaves_(parameters_.leaves()),
        networks_(leaves_, options.unet, options.text),
        step_(
            parameters_, optimiser_, [this](const StepInputs& in) { return loss(in); },
            kIndicesPerClip * options.batch, kScalarsPerClip * options.batch),
        held_out_(data, autoencoder, options.dtype, options.device),
        validation_(held_out_, autoencoder, options.dtype) {}

  LoopOutcome run(const base::ProgressSink& progress, const base::CancelToken& cancel) {
    LoopCallbacks callbacks;
    callbacks.print = print_;
    callbacks.figure_names = {"loss", "v_mse"};
    callbacks.draw = [this](int64_t step, TrainStep::Draw& draw) { draw_batch(step, draw); };
    callbacks.validate = [this](int64_t step) { return validate(step); };
    const LoopOutcome outcome = run_training(step_, parameters_, options_.loop, callbacks,
                                             options_.batch, progress, cancel);
    save();
    return outcome;
  }

 private:
  void draw_batch(int64_t step, TrainStep::Draw& draw) const {
    const int64_t b = options_.batch;
    for (int64_t i = 0; i < b; ++i) {
      // Numbers 0 to 7 are the clip's, see TrainingClips::pick.
      const auto uniform = [&](uint64_t which) {
        return base::uniform_at(options_.loop.seed, which, step * b + i);
      };
      const TrainingClips::Pick pick = clips_.pick(uniform);
      const double drop = uniform(8);
      const double text = options_.drop_text, image = options_.drop_image,
                   both = options_.drop_both;
      const bool no_text = drop < text + both;
      const bool no_image = drop >= text && drop < text + both + image;
      draw.indices.insert(draw.indices.end(),
                          {pick.clip, pick.first_frame, pick.direction, no_text ? 0 : pick.prompt});
      const double stratified = (i + uniform(9)) / static_cast<double>(b);
      const double s = options_.time_shift;
      draw.scalars.push_back(static_cast<float>(s * stratified / (1.0 + (s - 1.0) * stratified)));
      draw.scalars.push_back(no_image ? 0.0f : 1.0f);
      draw.scalars.push_back(uniform(10) < options_.drop_motion ? -1.0f : pick.motion);
    }
  }

  std::vector<at::Tensor> loss(const StepInputs& inputs) {
    const at::Tensor rows = inputs.indices.view({options_.batch, kIndicesPerClip});
    const at::Tensor scalars = inputs.scalars.view({options_.batch, kScalarsPerClip});
    const at::Tensor t = scalars.select(1, 0);
    const at::Tensor x0 = clips_.latents(rows.narrow(1, 0, 3));
    at::Tensor noise = at::empty_like(x0);
    tensor::gaussian_noise_(noise, inputs.noise_key);
    const auto per_clip = [](const at::Tensor& v) { return v.view({-1, 1, 1, 1, 1}); };
    const at::Tensor alpha = per_clip((t * M_PI_2).cos()), sigma = per_clip((t * M_PI_2).sin());
    const at::Tensor noisy = alpha * x0 + sigma * noise;
    const at::Tensor target = alpha * noise - sigma * x0;

    const at::Tensor given = scalars.select(1, 1).view({-1, 1, 1, 1});
    const auto conditioning = networks_.condition(
        {clips_.prompts(rows.select(1, 3)), x0.select(1, 0) * given, scalars.select(1, 2), {}},
        x0.size(1), options_.dtype);
    const at::Tensor error = (networks_.predict(noisy, t, conditioning, options_.dtype) - target)
                                 .square()
                                 .mean({1, 2, 3, 4});
    const at::Tensor weight = (kMaxSnrWeight * (t * M_PI_2).sin().square()).clamp_max(1.0);
    return {(weight * error).mean(), error.mean()};
  }

  AnimateNetworks averaged() {
    average_ = parameters_.views(optimiser_.ema().to(options_.dtype));
    MapSource source(average_);
    return {source, options_.unet, options_.text};
  }

  std::map<std::string, double> validate(int64_t step) {
    const c10::InferenceMode inference;
    return validation_.run(averaged(), options_.loop.folder + "/step_" + std::to_string(step));
  }

  void save() const {
    weights::ParameterMap unet, text;
    for (const auto& [name, value] : parameters_.views(optimiser_.ema())) {
      const auto dot = name.find('.');
      (name.starts_with("unet.") ? unet : text)[name.substr(dot + 1)] = value;
    }
    save_component(options_.loop.folder + "/unet", "diffusion_pytorch_model.safetensors",
                   options_.unet.to_json(), unet);
    save_component(options_.loop.folder + "/text_encoder", "model.safetensors",
                   options_.text.to_json(), text);
  }

  AnimateTraining options_;
  std::function<void(const std::string&)> print_;
  TrainingClips clips_;
  FlatParameters parameters_;
  FlatAdamW optimiser_;
  MapSource leaves_;
  AnimateNetworks networks_;
  weights::ParameterMap average_;
  TrainStep step_;
  HeldOutClips held_out_;
  AnimateValidation validation_;
};

}  // namespace

models::AnimateUnetConfig bundled_unet() {
  models::AnimateUnetConfig c;
  c.block_out_channels = {128, 128};
  c.down_block_has_attention = {true, true};
  c.up_block_has_attention = {true, true};
  c.layers_per_block = 1;
  c.norm_num_groups = 8;
  c.cross_attention_dim = 160;
  c.attention_head_dim = 32;
  c.latent_fold = 2;
  c.first_frame_keys = true;
  c.position_size = 16;
  c.position_frames = 16;
  c.time_scale_shift = true;
  c.time_embed_dim = 192;
  c.temporal_conv_layers = 2;
  c.temporal_double_self_attention = false;
  c.transformer_projections = false;
  c.feed_forward_multiple = 2;
  c.temporal_transformer_in = false;
  c.image_latents_encoder = false;
  c.image_embeddings = false;
  c.image_context_size = 16;
  c.image_context_width = 64;
  return c;
}

models::ClipTextConfig bundled_text_encoder(int64_t vocabulary) {
  models::ClipTextConfig c;
  c.vocab_size = vocabulary;
  c.eos_token_id = vocabulary - 1;
  c.max_position_embeddings = 24;
  c.encoder.hidden_size = 160;
  c.encoder.intermediate_size = 640;
  c.encoder.num_hidden_layers = 4;
  c.encoder.num_attention_heads = 4;
  c.encoder.hidden_act = "gelu";
  return c;
}

LoopOutcome train_animate(const AnimateTraining& options, const TrainingData& data,
                          const models::AutoencoderKl& autoencoder,
                          const std::function<void(const std::string&)>& print,
                          const base::ProgressSink& progress, const base::CancelToken& cancel) {
  return AnimateTrainer(options, data, autoencoder, print).run(progress, cancel);
}

}  // namespace zoetrope::train
