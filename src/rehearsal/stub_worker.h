// A worker that only pretends: the HTTP side and the no-queue contract of a real one
// (engine/api/slot.h), and a timer where the GPU would be. One thread serves many of them, each on
// a loopback port of its own.
//
//   POST /v1/images/generations   any other path does as well
//     200 at once when a slot was free (x-zoetrope-region, x-zoetrope-worker); the body, chunked,
//         when the service time is over; a byte of white space each second until then
//     429 with Retry-After when busy; 503 while it drains; 408 when x-zoetrope-deadline has passed;
//     409 when the same idempotency-key runs here, 200 without work when it has finished here
//   GET /metrics    as of `zoetrope serve`, as far as traffic goes
//   GET /healthz    200, or 503 while it drains
//
// The client's disconnecting frees the slot. Faults are set from outside, at any time.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"

namespace zoetrope::rehearsal {

struct ServiceTime {
  std::chrono::nanoseconds mean = std::chrono::seconds(4);
  double variation = 0.15;  // coefficient of variation of a log-normal
};

// The `index`-th service time of `worker`: a function of its arguments alone.
std::chrono::nanoseconds service_time(const ServiceTime& time, uint64_t seed, int worker,
                                      int64_t index);

enum class Fault {
  kNone,
  kHang,         // takes connections, reads, never answers
  kCrash,        // nothing listens any more; what ran is cut off. kNone starts it again
  kSlow,         // a tenfold service time
  kUnavailable,  // 503 to everything
  kDrain,        // takes nothing new in; kNone takes a fresh process, as after a crash
};

struct WorkerOptions {
  int slots = 1;
  ServiceTime service;
  uint64_t seed = 1;
};

// What a worker did so far.
struct WorkerCounts {
  int64_t accepted = 0;
  int64_t refused = 0;
  int64_t finished = 0;
  int64_t disconnected = 0;
  int most_at_once = 0;
};

// All workers of a rehearsal, on one thread of their own. Any thread may call.
class StubWorkers {
 public:
  struct Place {
    std::string region;
    int number = 0;     // within the region
    uint16_t port = 0;  // 0: any that is free
  };

  // Listens when it returns. kUnavailable: a port is taken.
  static base::Result<std::unique_ptr<StubWorkers>> start(const std::vector<Place>& places,
                                                          const WorkerOptions& options);
  ~StubWorkers();

  int size() const;
  // `worker`: its index in the places given.
  const Place& place(int worker) const;
  // Takes effect before it returns.
  void set_fault(int worker, Fault fault);
  void set_service(const ServiceTime& service);
  WorkerCounts counts(int worker) const;

 private:
  class Impl;
  explicit StubWorkers(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace zoetrope::rehearsal
