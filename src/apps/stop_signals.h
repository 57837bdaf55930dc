// SIGINT, SIGTERM and SIGHUP as events, for a command that serves until it is told to stop.
#pragma once

namespace zoetrope::apps {

// Made on the main thread before any other thread starts: all threads inherit that these signals
// wait, and wait() takes them. One at a time in a process.
class StopSignals {
 public:
  StopSignals();
  // Blocks until a signal comes and returns its number.
  int wait();
  // From now on the next SIGINT or SIGTERM ends the process at once.
  void let_go();
};

}  // namespace zoetrope::apps
