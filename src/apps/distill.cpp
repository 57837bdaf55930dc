// zoetrope distill: a student of few unguided steps from a guided model.
#include <ATen/ATen.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <vector>

#include "apps/exit_code.h"
#include "apps/train.h"
#include "apps/train_flags.h"
#include "train/distill_trainer.h"

namespace zoetrope::apps {
namespace {

constexpr const char* kFooter = R"(
The student starts as the teacher's U-Net and learns to reach in one pass what
the teacher reaches in TEACHER_STEPS / STUDENT_STEPS guided DDIM steps of three
passes each. Copy OUT/student into the model folder and name it in
model_index.json to use it:
  "student": ["zoetrope", "AnimateUnet"]

Example:
  zoetrope distill run/data --teacher models/animate -o run/student

May be interrupted (Ctrl-C) and started again with the same flags.)";

// One number: that scale is built in. Two: the student takes any scale between them.
void add_scale(CLI::App& command, const char* flag, std::vector<double>& values, const char* help) {
  command.add_option(flag, values, help)
      ->expected(1, 2)
      ->check(CLI::Range(0.0, 50.0))
      ->type_name("X [X]")
      ->capture_default_str();
}

train::ScaleRange range_of(const std::vector<double>& values) {
  return {values.front(), values.back()};
}

struct Flags {
  TrainFlags train;
  train::Distillation options;
  std::vector<double> image_guidance, text_guidance;
};

void add_flags(CLI::App& command, Flags& flags) {
  train::Distillation& o = flags.options;
  flags.train.loop = o.loop;
  flags.train.loop.steps = 2000;
  flags.train.batch = o.batch;
  flags.image_guidance = {o.image_guidance.least, o.image_guidance.most};
  flags.text_guidance = {o.text_guidance.least, o.text_guidance.most};
  add_train_flags(command, flags.train);
  command.add_option("--teacher", o.teacher, "Model folder to learn from")
      ->required()
      ->type_name("DIR");
  command.add_option("--student-steps", o.student_steps, "Steps of the student, one pass each")
      ->capture_default_str();
  command.add_option("--teacher-steps", o.teacher_steps, "Guided steps of the teacher")
      ->capture_default_str();
  add_scale(command, "--image-guidance", flags.image_guidance,
            "Range of image guidance scales the student takes; one number builds it in");
  add_scale(command, "--text-guidance", flags.text_guidance, "Likewise for the text");
  command
      .add_option("--own-trajectory", o.own_trajectory,
                  "Share of start states from the student's own run instead of noised clips")
      ->capture_default_str();
  command
      .add_option("--versions", o.cache.versions,
                  "Encoded versions a clip: plain, mirrored, then randomly changed")
      ->capture_default_str();
  command.add_option("--still-share", o.still_share, "Share of a batch that is made from stills")
      ->capture_default_str();
}

}  // namespace

Command add_distill(CLI::App& root) {
  CLI::App* command = root.add_subcommand("distill", "Make a fast student of a guided model");
  command->footer(kFooter);
  const auto flags = std::make_shared<Flags>();
  add_flags(*command, *flags);
  return {command, [flags] {
            const auto target = train_target(flags->train);
            if (!target.ok()) return fail_usage(target.status(), Output::kText);
            auto data = train::TrainingData::open(flags->train.data);
            if (!data.ok()) return fail(data.status(), Output::kText);
            train::Distillation options = flags->options;
            options.loop = flags->train.loop;
            options.batch = flags->train.batch;
            options.image_guidance = range_of(flags->image_guidance);
            options.text_guidance = range_of(flags->text_guidance);
            options.device = target->device;
            options.dtype = options.cache.dtype = target->dtype;
            return run_training_command(
                flags->train, [&](const auto& print, const auto& progress, const auto& cancel) {
                  return train::distill(options, *data, print, progress, cancel);
                });
          }};
}

}  // namespace zoetrope::apps
