#include "engine/jobs/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <unistd.h>

#include <cstdio>
#include <ctime>

namespace zoetrope::engine::jobs {
namespace {

using prometheus::BuildCounter;
using prometheus::BuildGauge;
using prometheus::BuildHistogram;

// From a text encoder's milliseconds to minutes of a large model's denoising.
prometheus::Histogram::BucketBoundaries seconds_buckets() {
  return {0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 2, 3, 5, 10, 20, 30, 60, 120, 300, 600};
}

prometheus::Gauge& gauge(prometheus::Registry& registry, const char* name, const char* help) {
  return BuildGauge().Name(name).Help(help).Register(registry).Add({});
}

prometheus::Histogram& seconds(prometheus::Registry& registry, const char* name, const char* help) {
  return BuildHistogram().Name(name).Help(help).Register(registry).Add({}, seconds_buckets());
}

// statm counts pages; the second number is what is resident.
double resident_bytes() {
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  if (file == nullptr) return 0;
  long long all = 0, resident = 0;
  const int read = std::fscanf(file, "%lld %lld", &all, &resident);
  std::fclose(file);
  return read == 2 ? static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE)) : 0;
}

}  // namespace

Metrics::Metrics(prometheus::Registry& registry)
    : jobs_(BuildCounter()
                .Name("zoetrope_jobs_total")
                .Help("Attempts at jobs that ended, by outcome")
                .Register(registry)),
      refused_(BuildCounter()
                   .Name("zoetrope_jobs_refused_total")
                   .Help("Jobs that were not accepted, by reason")
                   .Register(registry)),
      store_errors_(BuildCounter()
                        .Name("zoetrope_store_errors_total")
                        .Help("Calls of the job store that failed")
                        .Register(registry)),
      stages_(BuildHistogram()
                  .Name("zoetrope_stage_seconds")
                  .Help("Time of one stage of one result")
                  .Register(registry)),
      job_seconds_(seconds(registry, "zoetrope_job_seconds", "Time of an attempt, start to end")),
      queue_seconds_(seconds(registry, "zoetrope_queue_seconds", "Time from acceptance to start")),
      steps_(BuildCounter()
                 .Name("zoetrope_steps_total")
                 .Help("Denoising steps taken")
                 .Register(registry)
                 .Add({})),
      busy_(gauge(registry, "zoetrope_slot_busy", "1 while a job runs")),
      queue_(gauge(registry, "zoetrope_queue_length", "Accepted jobs that wait")),
      ready_(gauge(registry, "zoetrope_ready", "1 if requests are welcome")),
      resident_(gauge(registry, "process_resident_memory_bytes", "Resident memory")) {
  // There from the beginning: a rate over a counter that appears late misses its first events.
  for (const char* outcome : {"completed", "failed", "cancelled", "released", "lost"}) {
    jobs_.Add({{"outcome", outcome}});
  }
  for (const char* reason :
       {"invalid", "busy", "owner_limit", "memory", "unavailable", "conflict"}) {
    refused_.Add({{"reason", reason}});
  }
  gauge(registry, "process_start_time_seconds", "When the process began, seconds since 1970")
      .Set(static_cast<double>(std::time(nullptr)));
  sample_process();
}

void Metrics::ended(const std::string& outcome) { jobs_.Add({{"outcome", outcome}}).Increment(); }
void Metrics::refused(const std::string& reason) { refused_.Add({{"reason", reason}}).Increment(); }
void Metrics::stage(const std::string& name, double seconds) {
  stages_.Add({{"stage", name}}, seconds_buckets()).Observe(seconds);
}
void Metrics::job_took(double seconds) { job_seconds_.Observe(seconds); }
void Metrics::waited(double seconds) { queue_seconds_.Observe(seconds); }
void Metrics::step() { steps_.Increment(); }
void Metrics::store_failed(const std::string& call) {
  store_errors_.Add({{"call", call}}).Increment();
}
void Metrics::occupancy(int running, int queued) {
  busy_.Set(running);
  queue_.Set(queued);
}
void Metrics::ready(bool is_ready) { ready_.Set(is_ready ? 1 : 0); }
void Metrics::sample_process() { resident_.Set(resident_bytes()); }

}  // namespace zoetrope::engine::jobs
