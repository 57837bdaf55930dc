// TrainLoop: the part that every training has in common: learning-rate schedule, logging, loss
// curve, checkpoints, resume, validation, time limit and cancel.
//
// A run lives in a folder: state.safetensors (master weights, moments, EMA, step), log.jsonl, one
// line a report, and loss.png. Training goes on from state.safetensors if it is there; an
// interrupted run continues as if it had not been interrupted.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/progress.h"
#include "base/result.h"
#include "train/train_step.h"

namespace zoetrope::train {

struct LoopOptions {
  std::string folder;
  int64_t steps = 1000;
  double learning_rate = 1e-3;  // after warm-up; then a cosine down to a hundredth
  int64_t warm_up_steps = 200;
  double ema_decay = 0.998;
  uint64_t seed = 0;
  int64_t report_every = 50;
  int64_t validate_every = 1000;
  int64_t save_every = 1000;
  double max_seconds = 0;  // stop and save after this long; 0 = no limit
};

struct LoopCallbacks {
  // Indices and scalars of a step; learning rate, EMA rate, seed and step are the loop's.
  std::function<void(int64_t step, TrainStep::Draw& draw)> draw;
  std::vector<std::string> figure_names;  // of the loss function's outputs
  // Figures on held-out data with the EMA weights; may write pictures into the folder.
  std::function<std::map<std::string, double>(int64_t step)> validate;
  // One line for a person.
  std::function<void(const std::string& line)> print;
};

struct LoopOutcome {
  int64_t step = 0;       // steps done in all
  bool finished = false;  // false: stopped by the time limit
};

// Throws base::Error(kCancelled) after saving when cancelled.
LoopOutcome run_training(TrainStep& step, FlatParameters& parameters, const LoopOptions& options,
                         const LoopCallbacks& callbacks, int64_t samples_per_step,
                         const base::ProgressSink& progress, const base::CancelToken& cancel);

// The schedule, for tests and plots.
double learning_rate_at(const LoopOptions& options, int64_t step);

}  // namespace zoetrope::train
