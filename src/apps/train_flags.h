// Flags and frame of the two commands that train a network.
#pragma once

#include <functional>
#include <string>

#include "base/cancel.h"
#include "base/progress.h"
#include "base/result.h"
#include "train/train_loop.h"

namespace CLI {
class App;
}

namespace zoetrope::apps {

struct TrainFlags {
  std::string data;
  std::string device = "auto";
  std::string dtype = "auto";
  int64_t batch = 64;
  train::LoopOptions loop;
};
void add_train_flags(CLI::App& command, TrainFlags& flags);

struct TrainTarget {
  at::Device device;
  at::ScalarType dtype;
};
base::Result<TrainTarget> train_target(const TrainFlags& flags);

using TrainBody = std::function<train::LoopOutcome(
    const std::function<void(const std::string&)>& print, const base::ProgressSink& progress,
    const base::CancelToken& cancel)>;
// Runs `body` with progress and Ctrl-C; returns the exit code.
int run_training_command(const TrainFlags& flags, const TrainBody& body);

}  // namespace zoetrope::apps
