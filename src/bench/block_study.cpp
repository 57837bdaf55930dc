#include "bench/block_study.h"

#include <ATen/ATen.h>

#include <chrono>
#include <functional>
#include <limits>

#include "base/status.h"
#include "bench/plain_sampler.h"
#include "bench/statistics.h"
#include "pipeline/step_runner.h"
#include "tensor/device.h"

namespace zoetrope::bench {
namespace {

using diffusion::BlockCorrection;
using diffusion::BlockProfile;
using diffusion::BlockSchedule;

// Shows every contribution of a block: seen(step, block, f).
class Listener final : public nn::BlockStack {
 public:
  using Seen = std::function<void(int step, int64_t block, const at::Tensor& added)>;
  explicit Listener(Seen seen) : seen_(std::move(seen)) {}

  void begin_step(int step) { step_ = step; }
  at::Tensor run(int64_t index, const at::Tensor& x, const Block& block) override {
    at::Tensor y = block(x);
    seen_(step_, index, y.to(at::kFloat) - x.to(at::kFloat));
    return y;
  }

 private:
  Seen seen_;
  int step_ = 0;
};

void listen(const Workbench& bench, const Scene& scene, Listener::Seen seen) {
  Listener listener(std::move(seen));
  sample_plainly(bench, scene,
                 {.stack = &listener, .before_step = [&](int step) { listener.begin_step(step); }});
}

// Sums over samples of one channel each, fp64 [c].
struct Moments {
  int64_t count = 0;
  at::Tensor x, y, xx, xy;

  void add(const at::Tensor& kept, const at::Tensor& wanted) {
    const auto flat = [](const at::Tensor& t) { return t.flatten(0, -2).to(at::kDouble); };
    const at::Tensor a = flat(kept), b = flat(wanted);
    const auto sum = [](at::Tensor& into, const at::Tensor& value) {
      into = into.defined() ? into + value.sum(0) : value.sum(0);
    };
    count += a.size(0);
    sum(x, a);
    sum(y, b);
    sum(xx, a * a);
    sum(xy, a * b);
  }
  // Scale and shift of least squares; a channel that never varies is only shifted.
  std::pair<at::Tensor, at::Tensor> solve() const {
    const auto n = static_cast<double>(count);
    const at::Tensor mean_x = x / n, mean_y = y / n;
    const at::Tensor variance = xx / n - mean_x * mean_x;
    const at::Tensor covariance = xy / n - mean_x * mean_y;
    const at::Tensor varies = variance > 1e-12 * (xx / n);
    const at::Tensor scale =
        at::where(varies, covariance / at::where(varies, variance, at::ones_like(variance)),
                  at::ones_like(variance));
    return {scale, mean_y - scale * mean_x};
  }
};

}  // namespace

BlockProfile measure_profile(const Workbench& bench, std::span<const Scene> scenes) {
  base::require(!scenes.empty(), "a profile needs a scene");
  BlockProfile profile{.blocks = bench.components.teacher.unet.stacked_blocks(), .change = {}};
  const int steps = scenes.front().noise.fact<int>("steps");
  profile.change.assign(steps, std::vector<double>(profile.blocks.size(), 0.0));
  for (const Scene& scene : scenes) {
    std::vector<at::Tensor> before(profile.blocks.size());
    listen(bench, scene, [&](int step, int64_t block, const at::Tensor& added) {
      if (step > 0) {
        const double change =
            ((added - before[block]).abs().sum() / added.abs().sum()).item<double>();
        // A block that adds nothing at all does not change.
        if (std::isfinite(change)) {
          profile.change[step][block] += change / static_cast<double>(scenes.size());
        }
      }
      before[block] = added;
    });
  }
  return profile;
}

std::vector<BlockCorrection> fit_corrections(const Workbench& bench, std::span<const Scene> scenes,
                                             const BlockSchedule& schedule) {
  const int64_t blocks = schedule.blocks();
  std::vector<std::vector<Moments>> moments(blocks, std::vector<Moments>(schedule.steps()));
  std::vector<int64_t> channels(blocks, 0);
  for (const Scene& scene : scenes) {
    std::vector<at::Tensor> kept(blocks);
    listen(bench, scene, [&](int step, int64_t block, const at::Tensor& added) {
      channels[block] = added.size(-1);
      if (schedule.runs(step, block)) {
        kept[block] = added;
      } else {
        moments[block][step].add(kept[block], added);
      }
    });
  }
  std::vector<BlockCorrection> corrections;
  const auto options = at::TensorOptions(at::kFloat).device(bench.components.device);
  for (int64_t block = 0; block < blocks; ++block) {
    BlockCorrection correction{at::ones({schedule.steps(), channels[block]}, options),
                               at::zeros({schedule.steps(), channels[block]}, options)};
    for (int step = 0; step < schedule.steps(); ++step) {
      if (schedule.runs(step, block)) continue;
      const auto [scale, shift] = moments[block][step].solve();
      correction.scale[step].copy_(scale);
      correction.shift[step].copy_(shift);
    }
    corrections.push_back(std::move(correction));
  }
  return corrections;
}

BlockStudy study_blocks(Workbench& bench, std::span<const Scene> fitting,
                        std::span<const Scene> trial, std::span<const double> thresholds,
                        const base::ProgressSink& progress) {
  BlockStudy study{.profile = measure_profile(bench, fitting), .results = {}};
  const pipeline::Components& components = bench.components;
  std::vector<at::Tensor> references;
  const auto try_out = [&](CachingResult result) {
    pipeline::StepRunner runner(components.dtype, components.device,
                                pipeline::default_batching(components.device));
    const auto clip = [&](const Scene& scene) {
      Scene caching = scene;
      caching.noise.facts["cache_blocks"] = true;
      pipeline::DenoiseSession session = session_of(bench, caching);
      runner.run(session);
      tensor::synchronize(components.device);
      return session.latents();
    };
    if (components.device.is_cuda()) clip(trial.front());  // records the passes
    std::vector<double> seconds, psnr;
    for (size_t i = 0; i < trial.size(); ++i) {
      const auto begin = std::chrono::steady_clock::now();
      const at::Tensor latents = clip(trial[i]);
      seconds.push_back(seconds_since(begin));
      const at::Tensor frames = decode_scene(bench, trial[i], latents);
      if (study.results.empty()) references.push_back(frames);
      psnr.push_back(psnr_db(bench, frames, references[i]));
    }
    result.seconds = median(seconds);
    result.psnr_db = mean(psnr);
    study.results.push_back(result);
    base::report(progress, "thresholds", static_cast<int64_t>(study.results.size()),
                 1 + 2 * static_cast<int64_t>(thresholds.size()));
  };

  bench.components.block_plan = nullptr;
  try_out({});
  for (const double threshold : thresholds) {
    const BlockSchedule schedule(study.profile, threshold);
    for (const bool corrected : {false, true}) {
      bench.components.block_plan = std::make_shared<diffusion::BlockPlan>(
          diffusion::BlockPlan{schedule, corrected ? fit_corrections(bench, fitting, schedule)
                                                   : std::vector<BlockCorrection>{}});
      try_out({.threshold = threshold, .corrected = corrected, .share_run = schedule.share_run()});
    }
  }
  return study;
}

}  // namespace zoetrope::bench
