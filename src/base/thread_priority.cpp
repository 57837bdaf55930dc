#include "base/thread_priority.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace zoetrope::base {
namespace {

// A tenth of the share of a usual thread. Less (the idle class) answers no sooner by measurement,
// and would starve a computation beside another program.
constexpr int kNiceness = 10;
constexpr uint64_t kShortSliceNs = 100'000;

// The C library of Debian 12 has neither this struct of the kernel nor the call.
struct SchedulingAttributes {
  uint32_t size = sizeof(SchedulingAttributes);
  uint32_t policy = 0;  // SCHED_OTHER
  uint64_t flags = 0;
  int32_t nice = 0;
  uint32_t priority = 0;
  uint64_t slice_ns = 0;  // "runtime" to the kernel
  uint64_t deadline = 0;
  uint64_t period = 0;
};

// On Linux the niceness of the thread alone.
int niceness() { return getpriority(PRIO_PROCESS, 0); }

}  // namespace

void prefer_throughput() { setpriority(PRIO_PROCESS, 0, niceness() + kNiceness); }

void prefer_latency() {
  SchedulingAttributes wanted;
  wanted.nice = niceness();
  wanted.slice_ns = kShortSliceNs;
  syscall(SYS_sched_setattr, 0, &wanted, 0);
}

}  // namespace zoetrope::base
