#include "traffic/fleet/recorder.h"

#include <algorithm>
#include <cmath>

namespace zoetrope::traffic::fleet {

Recorder::Recorder(const Options& options, int regions)
    : samples_per_ns_(1e-9 / options.sample_s),
      samples_(std::max(1, static_cast<int>(std::ceil(options.duration_s / options.sample_s)))) {
  std::vector<Phase> phases = {{"all", options.warm_up_s, options.duration_s}};
  phases.insert(phases.end(), options.phases.begin(), options.phases.end());
  for (const Phase& phase : phases) {
    PhaseResult& added = result_.phases.emplace_back();
    added.name = phase.name;
    added.from_s = phase.from_s;
    added.to_s = phase.to_s;
    added.admitted_at = policy::Matrix<int64_t>(regions);
    bounds_.push_back(
        {static_cast<int64_t>(phase.from_s * 1e9), static_cast<int64_t>(phase.to_s * 1e9)});
  }
  Series& series = result_.series;
  series.sample_s = options.sample_s;
  series.regions = regions;
  const size_t cells = static_cast<size_t>(samples_) * static_cast<size_t>(regions);
  for (std::vector<float>* values : {&series.offered, &series.good, &series.finished, &series.busy,
                                     &series.ready, &series.attempts}) {
    values->assign(cells, 0);
  }
  series.to_ring.assign(cells, {});
  looks_.assign(cells, 0);
}

void Recorder::born(int64_t at, int home) {
  in_phases(at, [](PhaseResult& phase) { ++phase.offered; });
  if (float* count = cell(result_.series.offered, at, home)) *count += 1;
}

void Recorder::attempt(const Event& job, int64_t now) {
  in_phases(job.born, [](PhaseResult& phase) { ++phase.attempts; });
  if (float* count = cell(result_.series.attempts, now, job.home)) *count += 1;
}

void Recorder::admitted(const Event& job, int64_t now, int there, int ring, int64_t overhead_ns) {
  in_phases(job.born, [&](PhaseResult& phase) {
    ++phase.admitted;
    ++phase.admitted_by_ring[static_cast<size_t>(ring)];
    ++phase.admitted_at.at(job.home, there);
    phase.overhead.add(overhead_ns);
  });
  if (auto* rings = cell(result_.series.to_ring, now, job.home)) {
    (*rings)[static_cast<size_t>(ring)] += 1;
  }
}

void Recorder::finished(int region, int64_t now) {
  if (float* count = cell(result_.series.finished, now, region)) *count += 1;
}

void Recorder::succeeded(const Event& job, int64_t total_ns) {
  in_phases(job.born, [&](PhaseResult& phase) {
    ++phase.succeeded;
    phase.total.add(total_ns);
  });
  if (float* count = cell(result_.series.good, job.born, job.home)) *count += 1;
}

void Recorder::look(int64_t now, int region, double busy, double ready) {
  const size_t i = result_.series.at(sample(now), region);
  result_.series.busy[i] += static_cast<float>(busy);
  result_.series.ready[i] += static_cast<float>(ready);
  ++looks_[i];
}

RunResult Recorder::take() {
  Series& series = result_.series;
  for (size_t i = 0; i < looks_.size(); ++i) {
    const auto looks = static_cast<float>(std::max(1, looks_[i]));
    series.busy[i] /= looks;
    series.ready[i] /= looks;
  }
  const double sample_s = series.sample_s;
  for (int s = 0; s < series.samples(); ++s) {
    if (s * sample_s < result_.phases[0].from_s) continue;
    for (int r = 0; r < series.regions; ++r) {
      result_.gpu_seconds += series.ready[series.at(s, r)] * sample_s;
    }
  }
  return std::move(result_);
}

}  // namespace zoetrope::traffic::fleet
