#include "train/distill_trainer.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/philox.h"
#include "base/status.h"
#include "tensor/noise.h"
#include "train/animate_networks.h"
#include "train/distill_validation.h"
#include "train/distillation.h"
#include "train/guided_sampler.h"
#include "train/model_folder.h"
#include "train/teacher.h"
#include "train/training_clips.h"
#include "weights/random_source.h"

namespace zoetrope::train {
namespace {

// clip, first frame, direction, prompt, segment, whether the student's own run goes on
constexpr int64_t kIndicesPerClip = 6;
constexpr int64_t kScalarsPerClip = 3;  // motion, image and text guidance

// Usual scales, at which the student is compared with its teacher if it takes them.
constexpr double kImageGuidance = 1.5, kTextGuidance = 3.0;

bool is_fixed(const ScaleRange& range) { return range.least == range.most; }

void check(const Distillation& o) {
  const auto require = [](bool fine, const char* message) {
    if (!fine) throw base::Error(base::invalid_argument(message));
  };
  require(o.student_steps >= 1, "student-steps: must be at least 1");
  require(o.teacher_steps >= o.student_steps && o.teacher_steps % o.student_steps == 0,
          "teacher-steps: must be a multiple of the student's steps");
  require(o.image_guidance.least <= o.image_guidance.most, "image-guidance: the least comes first");
  require(o.text_guidance.least <= o.text_guidance.most, "text-guidance: the least comes first");
  require(is_fixed(o.image_guidance) == is_fixed(o.text_guidance),
          "guidance: either both scales are fixed or both are ranges");
  require(o.own_trajectory >= 0 && o.own_trajectory <= 1, "own-trajectory: a share from 0 to 1");
}

models::AnimateUnetConfig student_config(const Teacher& teacher, const Distillation& options) {
  models::AnimateUnetConfig config = teacher.unet_config;
  config.guidance_embeds = !is_fixed(options.image_guidance);
  return config;
}

// The teacher's weights; the guidance embedding, which it lacks, starts at zero.
weights::ParameterMap student_start(const Teacher& teacher, const models::AnimateUnetConfig& config,
                                    uint64_t seed) {
  weights::RandomSource source(seed);
  const models::AnimateUnet shape(config, weights::Scope(source));
  weights::ParameterMap parameters = source.parameters();
  for (auto& [name, value] : parameters) {
    const auto found = teacher.parameters.find("unet." + name);
    if (found != teacher.parameters.end()) value = found->second;
  }
  return parameters;
}

class DistillTrainer {
 public:
  DistillTrainer(const Distillation& options, const TrainingData& data,
                 const std::function<void(const std::string&)>& print)
      : options_(options),
        print_(print),
        teacher_(options.teacher, options.dtype, options.device),
        clips_(data, teacher_.autoencoder,
               {options.cache, options.still_share, options.device, {}}),
        held_out_(data, teacher_.autoencoder, options.dtype, options.device),
        grid_(options.student_steps, options.teacher_steps / options.student_steps,
              diffusion::CosineSchedule(
                  student_time_shift(options.student_steps, options.teacher_steps)),
              at::TensorOptions(at::kFloat).device(options.device)),
        config_(student_config(teacher_, options)),
        parameters_(student_start(teacher_, config_, options.loop.seed), options.dtype,
                    options.device),
        optimiser_(parameters_, {.beta2 = 0.99, .weight_decay = 0.0}),
        leaves_(parameters_.leaves()),
        student_(config_, weights::Scope(leaves_)),
        own_states_(at::zeros(batch_shape(), grid_.options())),
        step_(parameters_, optimiser_, [this](const StepInputs& in) { return loss(in); },
              kIndicesPerClip * options.batch, kScalarsPerClip * options.batch,
              {{"own_states", own_states_}}),
        validation_(
            held_out_, teacher_, grid_, options.dtype,
            std::clamp(kImageGuidance, options.image_guidance.least, options.image_guidance.most),
            std::clamp(kTextGuidance, options.text_guidance.least, options.text_guidance.most)) {}

  LoopOutcome run(const base::ProgressSink& progress, const base::CancelToken& cancel) {
    LoopCallbacks callbacks;
    callbacks.print = print_;
    callbacks.figure_names = {"loss"};
    callbacks.draw = [this](int64_t step, TrainStep::Draw& draw) { draw_batch(step, draw); };
    callbacks.validate = [this](int64_t step) { return validate(step); };
    const LoopOutcome outcome = run_training(step_, parameters_, options_.loop, callbacks,
                                             options_.batch, progress, cancel);
    save();
    return outcome;
  }

 private:
  std::vector<int64_t> batch_shape() const {
    std::vector<int64_t> shape = {options_.batch};
    shape.insert(shape.end(), clips_.clip_shape().begin(), clips_.clip_shape().end());
    return shape;
  }

  // Place i of the batch is at segment (step + i) mod student_steps, so that every batch has all of
  // them. A place on its own trajectory keeps its clip until it has come to the end.
  void draw_batch(int64_t step, TrainStep::Draw& draw) const {
    const int64_t b = options_.batch, segments = options_.student_steps;
    const auto own_places =
        static_cast<int64_t>(std::lround(options_.own_trajectory * static_cast<double>(b)));
    for (int64_t i = 0; i < b; ++i) {
      const bool own = i < own_places;
      const int64_t segment = (step + i) % segments;
      const int64_t draw_number = (own ? (step + i) / segments : step) * b + i;
      const auto uniform = [&](uint64_t which) {
        return base::uniform_at(options_.loop.seed, which, draw_number);
      };
      const auto scale = [&](const ScaleRange& range, uint64_t which) {
        return static_cast<float>(range.least + (range.most - range.least) * uniform(which));
      };
      const TrainingClips::Pick pick = clips_.pick(uniform);
      const bool no_text = uniform(8) < options_.drop_text;
      draw.indices.insert(draw.indices.end(),
                          {pick.clip, pick.first_frame, pick.direction, no_text ? 0 : pick.prompt,
                           segment, own && segment > 0 && step > 0 ? 1 : 0});
      const double kind = uniform(9);
      const auto free_motion = static_cast<float>(uniform(10));
      draw.scalars.push_back(kind < options_.drop_motion                          ? -1.0f
                             : kind < options_.drop_motion + options_.free_motion ? free_motion
                                                                                  : pick.motion);
      draw.scalars.push_back(scale(options_.image_guidance, 11));
      draw.scalars.push_back(scale(options_.text_guidance, 12));
    }
  }

  std::vector<at::Tensor> loss(const StepInputs& inputs) {
    const at::Tensor rows = inputs.indices.view({options_.batch, kIndicesPerClip});
    const at::Tensor scalars = inputs.scalars.view({options_.batch, kScalarsPerClip});
    const at::Tensor x0 = clips_.latents(rows.narrow(1, 0, 3));
    const GuidedClips clips{
        .prompts = clips_.prompts(rows.select(1, 3)),
        .empty_prompt = clips_.prompts(at::zeros_like(rows[0].narrow(0, 0, 1)))[0],
        .first_frame = x0.select(1, 0),
        .motion = scalars.select(1, 0),
        .guidance = scalars.narrow(1, 1, 2)};
    const at::Tensor node = rows.select(1, 4) * grid_.teacher_steps_each();
    const Levels from = grid_.at_nodes(node);
    const Levels to = grid_.at_nodes(node + grid_.teacher_steps_each());
    at::Tensor z, target, text;
    {
      const c10::NoGradGuard no_gradients;
      at::Tensor noise = at::empty_like(x0);
      tensor::gaussian_noise_(noise, inputs.noise_key);
      const at::Tensor goes_on = rows.select(1, 5).to(at::kBool).view({-1, 1, 1, 1, 1});
      z = at::where(goes_on, own_states_, from.alpha * x0 + from.sigma * noise);
      target = distillation_target(z,
                                   sample_guided(teacher_.networks, grid_, z, node,
                                                 grid_.teacher_steps_each(), clips, options_.dtype),
                                   from, to);
      text = teacher_.networks.text(clips.prompts);
    }
    const at::Tensor v = student_v(student_, z, from, text, clips, options_.dtype);
    {
      const c10::NoGradGuard no_gradients;
      own_states_.copy_(ddim_step(z, v, from, to));
    }
    return {(v - target).square().mean()};
  }

  std::map<std::string, double> validate(int64_t step) {
    const c10::InferenceMode inference;
    const auto averaged = parameters_.views(optimiser_.ema().to(options_.dtype));
    MapSource source(averaged);
    const models::AnimateUnet student(config_, weights::Scope(source));
    return validation_.run(student, options_.loop.folder + "/step_" + std::to_string(step));
  }

  void save() const {
    const std::string folder = options_.loop.folder + "/student";
    nlohmann::json config = config_.to_json();
    config["distillation"] = {
        {"num_inference_steps", options_.student_steps},
        {"teacher_num_inference_steps", options_.teacher_steps},
        {"image_guidance_scale", {options_.image_guidance.least, options_.image_guidance.most}},
        {"text_guidance_scale", {options_.text_guidance.least, options_.text_guidance.most}}};
    save_component(folder, "diffusion_pytorch_model.safetensors", config,
                   parameters_.views(optimiser_.ema()));
    write_json(
        folder + "/scheduler_config.json",
        {{"_class_name", "DDIMScheduler"},
         {"beta_schedule", "continuous_cosine"},
         {"clip_sample", false},
         {"prediction_type", "v_prediction"},
         {"time_shift", student_time_shift(options_.student_steps, options_.teacher_steps)}});
  }

  Distillation options_;
  std::function<void(const std::string&)> print_;
  Teacher teacher_;
  TrainingClips clips_;
  HeldOutClips held_out_;
  DistillationGrid grid_;
  models::AnimateUnetConfig config_;
  FlatParameters parameters_;
  FlatAdamW optimiser_;
  MapSource leaves_;
  models::AnimateUnet student_;
  at::Tensor own_states_;  // fp32 [b, f, h, w, c]: where the student's own runs have come to
  TrainStep step_;
  DistillValidation validation_;
};

}  // namespace

LoopOutcome distill(const Distillation& options, const TrainingData& data,
                    const std::function<void(const std::string&)>& print,
                    const base::ProgressSink& progress, const base::CancelToken& cancel) {
  check(options);
  return DistillTrainer(options, data, print).run(progress, cancel);
}

}  // namespace zoetrope::train
