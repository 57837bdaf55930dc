// What the operating system should do for the calling thread when cores are short. Threads that it
// starts later inherit it. Hints: where the system refuses or knows no such thing, nothing changes.
#pragma once

namespace zoetrope::base {

// For long computations: they take what threads that answer people leave over.
void prefer_throughput();

// For threads that work for microseconds and wait: they run soon after they wake, in short slices
// (Linux 6.12 or newer).
void prefer_latency();

}  // namespace zoetrope::base
