// What the JobService counts, for Prometheus. The registry owns the metrics and must outlive this.
// Any thread may call.
//
//   zoetrope_jobs_total{outcome}          completed, failed, cancelled, released, lost
//   zoetrope_jobs_refused_total{reason}   invalid, busy, owner_limit, memory, unavailable, conflict
//   zoetrope_stage_seconds{stage}         histogram: text_encode, denoise, decode, encode, ...
//   zoetrope_job_seconds                  histogram: from start to end of an attempt
//   zoetrope_queue_seconds                histogram: from acceptance to start
//   zoetrope_steps_total                  denoising steps taken
//   zoetrope_slot_busy, zoetrope_queue_length
//   zoetrope_ready                        1: would take a job; 0: draining, stalled, store lost
//   zoetrope_store_errors_total{call}
//   process_resident_memory_bytes, process_start_time_seconds
#pragma once

#include <prometheus/registry.h>

#include <string>

#include "base/status.h"

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
}  // namespace prometheus

namespace zoetrope::engine::jobs {

class Metrics {
 public:
  explicit Metrics(prometheus::Registry& registry);

  void ended(const std::string& outcome);
  void refused(const std::string& reason);
  void stage(const std::string& name, double seconds);
  void job_took(double seconds);
  void waited(double seconds);
  void step();
  void store_failed(const std::string& call);
  void occupancy(int running, int queued);
  void ready(bool is_ready);
  void sample_process();

 private:
  prometheus::Family<prometheus::Counter>& jobs_;
  prometheus::Family<prometheus::Counter>& refused_;
  prometheus::Family<prometheus::Counter>& store_errors_;
  prometheus::Family<prometheus::Histogram>& stages_;
  prometheus::Histogram& job_seconds_;
  prometheus::Histogram& queue_seconds_;
  prometheus::Counter& steps_;
  prometheus::Gauge& busy_;
  prometheus::Gauge& queue_;
  prometheus::Gauge& ready_;
  prometheus::Gauge& resident_;
};

}  // namespace zoetrope::engine::jobs
