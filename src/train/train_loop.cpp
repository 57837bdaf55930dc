#include "train/train_loop.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "train/loss_curve.h"
#include "weights/tensor_io.h"

namespace zoetrope::train {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::string state_path(const LoopOptions& options) { return options.folder + "/state.safetensors"; }

void save_state(const TrainStep& train_step, const LoopOptions& options, int64_t step) {
  weights::ParameterMap tensors;
  for (const auto& [name, tensor] : train_step.state()) tensors[name] = tensor;
  const auto status =
      weights::save_tensors(state_path(options), tensors, {{"step", std::to_string(step)}});
  if (!status.ok()) throw base::Error(status);
}

// The step the saved state belongs to; 0 when there is none.
int64_t restore_state(const TrainStep& train_step, FlatParameters& parameters,
                      const LoopOptions& options) {
  if (!std::filesystem::exists(state_path(options))) return 0;
  const auto file = weights::SafetensorsFile::open(state_path(options)).value_or_throw();
  for (auto& [name, tensor] : train_step.state()) {
    const auto* entry = file.find(name);
    if (entry == nullptr) throw base::Error(base::data_loss(file.path() + ": no " + name));
    const at::Tensor saved = weights::tensor_of(file, *entry);
    if (saved.numel() != tensor.numel()) {
      throw base::Error(base::data_loss(file.path() + ": made by another network"));
    }
    tensor.copy_(saved.view(tensor.sizes()));
  }
  parameters.refresh_leaves();
  const auto step = file.metadata().find("step");
  if (step == file.metadata().end()) throw base::Error(base::data_loss(file.path() + ": no step"));
  return std::stoll(step->second);
}

// Averages what the steps since the last report printed and keeps the log.
class Reporter {
 public:
  Reporter(const LoopOptions& options, const LoopCallbacks& callbacks, int64_t samples_per_step)
      : options_(options), callbacks_(callbacks), samples_per_step_(samples_per_step) {}

  void report(int64_t step, const std::vector<double>& figures,
              const std::map<std::string, double>& validation) {
    const double elapsed = seconds_since(last_time_);
    const double rate = static_cast<double>((step - last_step_) * samples_per_step_) / elapsed;
    nlohmann::json line = {{"step", step},
                           {"learning_rate", learning_rate_at(options_, step)},
                           {"samples_per_second", std::round(rate)}};
    std::string text = fmt::format("step {}/{}  {:.0f} samples/s", step, options_.steps, rate);
    const auto add = [&](const std::string& name, double value) {
      line[name] = value;
      text += fmt::format("  {} {:.5g}", name, value);
      if (!std::isfinite(value)) {
        throw base::Error(base::internal_error("training diverged: " + name + " is not finite"));
      }
    };
    for (size_t i = 0; i < callbacks_.figure_names.size(); ++i) {
      add(callbacks_.figure_names[i], figures.at(i));
    }
    add("gradient_norm", figures.back());
    for (const auto& [name, value] : validation) add(name, value);
    std::ofstream(options_.folder + "/log.jsonl", std::ios::app) << line.dump() << '\n';
    callbacks_.print(text);
    start_interval(step);
  }

  // Reading figures waits for the device, so an interval starts after a report.
  void start_interval(int64_t step) {
    last_step_ = step;
    last_time_ = Clock::now();
  }

 private:
  const LoopOptions& options_;
  const LoopCallbacks& callbacks_;
  int64_t samples_per_step_;
  int64_t last_step_ = 0;
  Clock::time_point last_time_ = Clock::now();
};

}  // namespace

double learning_rate_at(const LoopOptions& options, int64_t step) {
  const double warm_up =
      std::min(1.0, static_cast<double>(step + 1) / static_cast<double>(options.warm_up_steps));
  const double done = static_cast<double>(step) / static_cast<double>(options.steps);
  const double cosine = 0.5 + 0.5 * std::cos(M_PI * std::min(done, 1.0));
  return options.learning_rate * warm_up * std::max(0.01, cosine);
}

LoopOutcome run_training(TrainStep& train_step, FlatParameters& parameters,
                         const LoopOptions& options, const LoopCallbacks& callbacks,
                         int64_t samples_per_step, const base::ProgressSink& progress,
                         const base::CancelToken& cancel) {
  std::filesystem::create_directories(options.folder);
  const auto start = Clock::now();
  int64_t step = restore_state(train_step, parameters, options);
  if (step > 0) callbacks.print(fmt::format("resuming at step {}", step));
  Reporter reporter(options, callbacks, samples_per_step);
  reporter.start_interval(step);
  const auto stop_early = [&] {
    return cancel.cancelled() ||
           (options.max_seconds > 0 && seconds_since(start) > options.max_seconds);
  };
  while (step < options.steps && !stop_early()) {
    TrainStep::Draw draw;
    draw.learning_rate = learning_rate_at(options, step);
    draw.ema_rate = 1.0 - std::min(options.ema_decay, (1.0 + step) / (10.0 + step));
    draw.seed = options.seed;
    draw.step = step;
    callbacks.draw(step, draw);
    train_step.run(draw);
    ++step;
    base::report(progress, "train", step, options.steps);
    const bool last = step == options.steps;
    const bool validates = last || step % options.validate_every == 0;
    if (validates || step % options.report_every == 0) {
      reporter.report(step, train_step.figures(),
                      validates ? callbacks.validate(step) : std::map<std::string, double>{});
      reporter.start_interval(step);
    }
    if (!last && step % options.save_every == 0) save_state(train_step, options, step);
  }
  save_state(train_step, options, step);
  draw_loss_curve(options.folder + "/log.jsonl", options.folder + "/loss.png");
  cancel.check();
  return {step, step >= options.steps};
}

}  // namespace zoetrope::train
