#include "engine/api/slot.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>

#include <algorithm>

namespace zoetrope::engine {
namespace {

using prometheus::BuildCounter;
using prometheus::BuildGauge;
using std::chrono::nanoseconds;
using std::chrono::steady_clock;

// From a rehearsal's tenths of a second to a long video.
prometheus::Histogram::BucketBoundaries seconds_buckets() {
  return {0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 4, 5, 7, 10, 15, 20, 30, 60, 120, 300, 600};
}

const char* name_of(Entry why) {
  switch (why) {
    case Entry::kDraining:
      return "draining";
    case Entry::kRunning:
      return "running";
    case Entry::kDone:
      return "done";
    default:
      return "busy";
  }
}

const char* name_of(SlotEnd how) {
  switch (how) {
    case SlotEnd::kFinished:
      return "finished";
    case SlotEnd::kDisconnected:
      return "disconnected";
    default:
      return "crashed";
  }
}

}  // namespace

SlotMetrics::SlotMetrics(prometheus::Registry& registry, int slots)
    : load_(BuildGauge()
                .Name("zoetrope_load")
                .Help("Slots held: queued and running")
                .Register(registry)
                .Add({})),
      draining_(BuildGauge()
                    .Name("zoetrope_draining")
                    .Help("1: takes nothing new in")
                    .Register(registry)
                    .Add({})),
      accepted_(BuildCounter()
                    .Name("zoetrope_accepted_total")
                    .Help("Requests that got a slot")
                    .Register(registry)
                    .Add({})),
      rejected_(BuildCounter()
                    .Name("zoetrope_rejected_total")
                    .Help("Requests that got none, by reason")
                    .Register(registry)),
      ends_(BuildCounter()
                .Name("zoetrope_slot_ends_total")
                .Help("Slots given back, by how the work ended")
                .Register(registry)),
      service_(prometheus::BuildHistogram()
                   .Name("zoetrope_service_seconds")
                   .Help("From acceptance until the slot was free again")
                   .Register(registry)
                   .Add({}, seconds_buckets())) {
  BuildGauge().Name("zoetrope_slots").Help("Slots there are").Register(registry).Add({}).Set(slots);
  // Shown from the start: a rate over a series that just appeared is lost.
  rejected_.Add({{"reason", name_of(Entry::kBusy)}});
  rejected_.Add({{"reason", name_of(Entry::kDraining)}});
}

SlotMetrics::Time SlotMetrics::accepted() {
  load_.Increment();
  accepted_.Increment();
  return steady_clock::now();
}

void SlotMetrics::refused(Entry why) { rejected_.Add({{"reason", name_of(why)}}).Increment(); }

void SlotMetrics::ended(SlotEnd how, Time accepted) {
  const nanoseconds took = steady_clock::now() - accepted;
  load_.Decrement();
  ends_.Add({{"how", name_of(how)}}).Increment();
  service_.Observe(std::chrono::duration<double>(took).count());
  if (how != SlotEnd::kFinished) return;
  // Two ends at once may lose one of them: it is an average.
  const int64_t mean = mean_ns_.load(std::memory_order_relaxed);
  mean_ns_.store(mean == 0 ? took.count() : mean + (took.count() - mean) / 8,
                 std::memory_order_relaxed);
}

void SlotMetrics::draining() { draining_.Set(1); }

nanoseconds SlotMetrics::mean_service() const {
  return nanoseconds(mean_ns_.load(std::memory_order_relaxed));
}

std::chrono::seconds retry_after(const SlotMetrics& metrics, int slots) {
  const nanoseconds until_one_ends = metrics.mean_service() / (slots + 1);
  return std::max(std::chrono::ceil<std::chrono::seconds>(until_one_ends), std::chrono::seconds(1));
}

}  // namespace zoetrope::engine
