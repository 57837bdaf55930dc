// CapturedGraph: GPU work recorded once and replayed with one launch (CUDA graphs).
//
// The body must do the same work on the same tensors every time: inputs are tensors the caller made
// before and overwrites in place before replay(); outputs are tensors the body wrote or assigned to
// variables it captured by reference, valid until the graph is destroyed and overwritten by each
// replay(). No synchronisation, no .item(), no host-dependent branch inside the body.
// The body may run forward, backward and an optimiser step: autograd's own threads take part.
//
// Recording and warming up run on the calling thread and a stream of its own beside the current
// one: libraries keep handles and workspaces by thread and stream, so what the warm-up makes is
// there for the recording. One recording at a time in a process (a mutex sees to it). replay()
// queues on the current stream of the captured device and does not wait for it. Replays of one
// graph must not overlap.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <thread>

#include "base/status.h"

namespace zoetrope::tensor {

class CapturedGraph {
 public:
  // All throw Error(kFailedPrecondition) in a build without CUDA, and whatever `body` throws.

  // Runs `body` on this thread's recording stream of the current device: after what the current
  // stream was given and before what it is given next. The run is real: a training step inside
  // really trains.
  static void warm_up(const std::function<void()>& body);

  // Records `body`, which this thread has warmed up; it is not executed. Waits for the device, and
  // gives back the memory that torch's allocator holds unused, so that the graph can have it.
  static CapturedGraph record(const std::function<void()>& body);

  // Both.
  static CapturedGraph capture(const std::function<void()>& body, int warm_up_runs = 3);

  // By how much torch's allocator grew while the graph was recorded: what it keeps as long as it
  // lives. Allocations of other threads meanwhile count too.
  int64_t bytes() const;

  void replay();

  CapturedGraph(CapturedGraph&&) noexcept;
  CapturedGraph& operator=(CapturedGraph&&) noexcept;
  ~CapturedGraph();

 private:
  struct Impl;
  explicit CapturedGraph(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Thrown by work that needs numbers from the device on its way, where it is being recorded.
class CannotRecord : public base::Error {
 public:
  CannotRecord();
};

// Is what this thread queues being recorded? Never in a build without CUDA.
bool recording();

// Work that is recorded when it is wanted again: the first run is the warm-up, the second records
// and replays, all others replay. A thread that did not do the run before the recording does
// another first. So work that is done once costs nothing extra, and work that takes seconds is
// never done in vain. Work that throws CannotRecord is run every time.
class LazyGraph {
 public:
  // `body` as CapturedGraph wants it; the same at every call.
  void run(const std::function<void()>& body);
  // Of the recording; 0 before it.
  int64_t bytes() const { return graph_ ? graph_->bytes() : 0; }

 private:
  std::thread::id warmed_up_;
  bool recordable_ = true;
  std::optional<CapturedGraph> graph_;
};

}  // namespace zoetrope::tensor
