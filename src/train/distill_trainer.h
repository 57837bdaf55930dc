// Distils a guided animate model into a student of few unguided steps (distillation.h). The student
// starts as the teacher's U-Net; text encoder and autoencoder stay the teacher's.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "train/latent_cache.h"
#include "train/train_loop.h"
#include "train/training_data.h"

namespace zoetrope::train {

// Guidance scales the student learns: drawn uniformly and given to it, or one alone, built in.
struct ScaleRange {
  double least = 1.0;
  double most = 1.0;
};

struct Distillation {
  LoopOptions loop = [] {
    LoopOptions o;
    o.learning_rate = 2e-4;
    o.warm_up_steps = 50;
    o.ema_decay = 0.99;
    return o;
  }();
  std::string teacher;  // a model folder
  int64_t student_steps = 8;
  int64_t teacher_steps = 32;  // a multiple of student_steps
  ScaleRange image_guidance = {1.0, 2.5};
  ScaleRange text_guidance = {1.0, 5.0};
  // Share of a batch whose start states come from the student's own run, one of its steps a
  // training step, instead of from noised clips: what it will meet when it is used
  // ("Imagine Flash", 2405.05224, section 3.1).
  double own_trajectory = 0.0;
  int64_t batch = 40;
  LatentCacheOptions cache;
  double still_share = 0.2;
  double drop_text = 0.05;
  double drop_motion = 0.2;  // share of the batch without a motion value
  double free_motion = 0.3;  // with one drawn uniformly instead of the clip's own
  at::Device device = at::kCPU;
  at::ScalarType dtype = at::kFloat;
};

// Trains, then writes loop.folder/student: the U-Net's weights (EMA), config.json with a
// "distillation" entry (number of steps, guidance scales), and scheduler_config.json. Resumes by
// itself. Throws base::Error.
LoopOutcome distill(const Distillation& options, const TrainingData& data,
                    const std::function<void(const std::string&)>& print,
                    const base::ProgressSink& progress, const base::CancelToken& cancel);

}  // namespace zoetrope::train
