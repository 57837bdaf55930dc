// Counts what happens in a run, by phase and by interval. Part of the simulator; one thread.
#pragma once

#include <vector>

#include "traffic/fleet/event_queue.h"
#include "traffic/fleet/result.h"
#include "traffic/fleet/scenario.h"

namespace zoetrope::traffic::fleet {

class Recorder {
 public:
  Recorder(const Options& options, int regions);

  void born(int64_t at, int home);
  void attempt(const Event& job, int64_t now);
  // `overhead_ns`: from due to the worker, with the way there and back.
  void admitted(const Event& job, int64_t now, int there, int ring, int64_t overhead_ns);
  void finished(int region, int64_t now);
  void succeeded(const Event& job, int64_t total_ns);
  // One look at the GPUs of a region.
  void look(int64_t now, int region, double busy, double ready);

  // Averages what was looked at; the recorder is spent.
  RunResult take();

 private:
  int sample(int64_t at) const {
    return static_cast<int>(static_cast<double>(at) * samples_per_ns_);
  }
  // The cell of `values` for what happens at `at`; nothing once arrivals have ended, when the fleet
  // only drains.
  template <typename T>
  T* cell(std::vector<T>& values, int64_t at, int region) {
    const int i = sample(at);
    return i < samples_ ? &values[result_.series.at(i, region)] : nullptr;
  }
  template <typename Count>
  void in_phases(int64_t born, Count count) {
    for (size_t i = 0; i < bounds_.size(); ++i) {
      if (born >= bounds_[i].from && born < bounds_[i].to) count(result_.phases[i]);
    }
  }

  struct Bounds {
    int64_t from;
    int64_t to;
  };
  RunResult result_;
  std::vector<Bounds> bounds_;
  std::vector<int> looks_;  // by sample
  double samples_per_ns_;
  int samples_;
};

}  // namespace zoetrope::traffic::fleet
