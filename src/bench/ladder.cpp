#include "bench/ladder.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/status.h"
#include "bench/block_study.h"
#include "bench/plain_kernels.h"
#include "bench/plain_sampler.h"
#include "bench/statistics.h"
#include "pipeline/step_runner.h"
#include "tensor/device.h"
#include "tensor/memory.h"

namespace zoetrope::bench {
namespace {

using nlohmann::json;
using pipeline::Launch;

constexpr int kFewSteps = 15;

// What a rung does; everything not named is as the rung before left it.
struct Rung {
  std::string name;
  at::ScalarType dtype = at::kFloat;
  bool product = false;  // sessions and step runner; else the plain loop
  PlainSampling plain = {.context = ContextUse::kRepeatedEachStep, .branches_together = false};
  bool few_steps = false;
  bool cache_blocks = false;
  bool own_kernels = false;
  bool distilled = false;  // the model's student
  Launch launch = Launch::kEager;
};

std::vector<Rung> rungs_for(const LadderOptions& options) {
  std::vector<Rung> rungs;
  Rung rung{.name = "fp32, context repeated for every frame"};
  const auto add = [&](std::string name, const auto& change) {
    change();
    rung.name = std::move(name);
    rungs.push_back(rung);
  };
  rungs.push_back(rung);
  add("16-bit numbers", [&] { rung.dtype = options.low_precision; });
  add("context projected once for all frames", [&] { rung.plain.context = ContextUse::kEachStep; });
  add("keys and values kept for the request", [&] { rung.plain.context = ContextUse::kOnce; });
  add("guidance branches in one batch", [&] { rung.product = true; });
  add("DPM++ 2M, nodes uniform in log-SNR", [&] { rung.few_steps = true; });
  add("block caching", [&] { rung.cache_blocks = true; });
  add("own fused kernels", [&] { rung.own_kernels = true; });
  if (options.device.is_cuda()) {
    add("step recorded as a graph", [&] { rung.launch = Launch::kRecorded; });
  }
  return rungs;
}

json solver_fields(const Rung& rung) {
  if (!rung.few_steps) {
    return {{"_class_name", "DDIMScheduler"}, {"clip_sample", false}, {"log_snr_grid", nullptr}};
  }
  return {{"_class_name", "DPMSolverMultistepScheduler"},
          {"algorithm_type", "dpmsolver++"},
          {"solver_order", 2},
          {"log_snr_grid", "paper"}};
}

// One model at one precision, and what is being measured on it.
class Climber {
 public:
  Climber(const LadderOptions& options, std::span<const Question> questions,
          const base::CancelToken& cancel)
      : options_(options), questions_(questions), cancel_(cancel) {}

  RungResult climb(const Rung& rung) {
    load(options_.model, rung.dtype);
    bench_->components.teacher.scheduler = solver_of(*bench_, solver_fields(rung));
    RungResult result{.name = rung.name,
                      .dtype = engine_dtype(rung.dtype),
                      .solver = rung.few_steps ? "DPM++ 2M" : "DDIM",
                      .steps = rung.few_steps ? kFewSteps : options_.naive_steps};
    if (rung.cache_blocks) plan_blocks(result.steps);
    std::optional<PlainKernels> plain;
    if (!rung.own_kernels) plain.emplace();
    measure(rung, result);
    return result;
  }

  // The model's student: its own scheduler, steps and one branch.
  RungResult climb_to_student() {
    RungResult result{.name = "distilled"};
    load(options_.model, options_.low_precision);
    if (!bench_->components.student) {
      result.note = "the model has no student";
      return result;
    }
    result.dtype = engine_dtype(options_.low_precision);
    result.solver = "DDIM";
    result.steps = bench_->components.student->distilled->steps;
    measure({.name = result.name,
             .dtype = options_.low_precision,
             .product = true,
             .own_kernels = true,
             .distilled = true,
             .launch = Launch::kRecorded},
            result);
    return result;
  }

 private:
  static std::string engine_dtype(at::ScalarType dtype) {
    return dtype == at::kFloat ? "fp32" : dtype == at::kHalf ? "fp16" : "bf16";
  }

  // Keeps the model if it is the one in hand; there is room for one only.
  void load(const std::filesystem::path& folder, at::ScalarType dtype) {
    if (bench_ && bench_->index.folder == folder && bench_->components.dtype == dtype) return;
    bench_.reset();
    bench_ = open_workbench(folder, dtype, options_.device);
  }

  Scene scene(const Rung& rung, size_t i, int steps) const {
    Scene made = make_scene(*bench_, questions_[i], steps, /*seed=*/i);
    made.noise.facts["cache_blocks"] = rung.cache_blocks;
    made.noise.facts["distilled"] = rung.distilled;
    return made;
  }

  // Profiled on the first picture: the schedule is a matter of solver and steps.
  void plan_blocks(int steps) {
    if (plan_ == nullptr) {
      const Scene first = scene({}, 0, steps);
      plan_ = std::make_shared<diffusion::BlockPlan>(diffusion::BlockPlan{
          diffusion::BlockSchedule(measure_profile(*bench_, {&first, 1}), options_.block_threshold),
          {}});
    }
    bench_->components.block_plan = plan_;
  }

  void measure(const Rung& rung, RungResult& result) {
    const at::Device device = options_.device;
    pipeline::StepRunner runner(bench_->components.dtype, device,
                                pipeline::default_batching(device), rung.launch);
    warm_up(rung, result.steps, runner);
    for (size_t i = 0; i < questions_.size(); ++i) {
      cancel_.check();
      if (device.is_cuda()) tensor::reset_peak_cuda_bytes(device);
      const tensor::AllocationPeak memory;
      const auto begin = std::chrono::steady_clock::now();
      const Scene one = scene(rung, i, result.steps);
      tensor::synchronize(device);
      const auto denoising = std::chrono::steady_clock::now();
      const at::Tensor latents = denoise(rung, one, runner, result.steps);
      tensor::synchronize(device);
      result.denoise_seconds.push_back(seconds_since(denoising));
      const at::Tensor frames = decode_scene(*bench_, one, latents);
      result.clip_seconds.push_back(seconds_since(begin));
      const int64_t peak = device.is_cuda() ? tensor::peak_cuda_bytes(device)
                                            : memory.peak_bytes() +
                                                  pipeline::weight_bytes(bench_->index, rung.dtype);
      result.peak_bytes = std::max(result.peak_bytes, peak);
      result.branches =
          static_cast<int>(pipeline::guidance_of(bench_->components, one.noise).branches().size());
      if (references_.size() == i) {
        references_.push_back(frames);
      } else {
        result.psnr_db.push_back(psnr_db(*bench_, frames, references_[i]));
      }
    }
  }

  // A recorded step must have met every pattern of blocks, twice; otherwise one step fills the
  // caches.
  void warm_up(const Rung& rung, int steps, pipeline::StepRunner& runner) {
    const int times = rung.launch == Launch::kRecorded ? 2 : 1;
    for (int i = 0; i < times; ++i) {
      denoise(rung, scene(rung, 0, steps), runner, options_.device.is_cuda() ? steps : 1);
    }
    tensor::synchronize(options_.device);
  }

  at::Tensor denoise(const Rung& rung, const Scene& one, pipeline::StepRunner& runner,
                     int most_steps) {
    if (!rung.product) {
      PlainSampling sampling = rung.plain;
      sampling.most_steps = most_steps;
      return sample_plainly(*bench_, one, sampling);
    }
    pipeline::DenoiseSession session = session_of(*bench_, one);
    pipeline::DenoiseSession* const sessions[] = {&session};
    while (!session.done() && session.step() < most_steps) {
      cancel_.check();
      runner.step(sessions);
    }
    return session.latents();
  }

  const LadderOptions& options_;
  std::span<const Question> questions_;
  const base::CancelToken& cancel_;
  std::unique_ptr<Workbench> bench_;
  std::shared_ptr<const diffusion::BlockPlan> plan_;
  std::vector<at::Tensor> references_;  // the first rung's clips
};

}  // namespace

std::vector<RungResult> run_ladder(const LadderOptions& options,
                                   std::span<const Question> questions,
                                   const base::ProgressSink& progress,
                                   const base::CancelToken& cancel) {
  base::require(!questions.empty(), "a ladder needs a picture");
  Climber climber(options, questions, cancel);
  const std::vector<Rung> rungs = rungs_for(options);
  const auto all = static_cast<int64_t>(rungs.size()) + 1;
  std::vector<RungResult> results;
  base::report(progress, "ladder", 0, all);
  for (const Rung& rung : rungs) {
    results.push_back(climber.climb(rung));
    base::report(progress, "ladder", static_cast<int64_t>(results.size()), all);
  }
  results.push_back(climber.climb_to_student());
  base::report(progress, "ladder", all, all);
  return results;
}

}  // namespace zoetrope::bench
