// CapturedGraph: GPU work recorded once and replayed with one launch (CUDA graphs).
//
// The body must do the same work on the same tensors every time: inputs are tensors the caller made
// before and overwrites in place before replay(); outputs are tensors the body wrote or assigned to
// variables it captured by reference, valid until the graph is destroyed and overwritten by each
// replay(). No synchronisation, no .item(), no host-dependent branch inside the body.
// The body may run forward, backward and an optimiser step: autograd's own threads take part.
//
// capture() runs on the calling thread; one capture at a time in a process (a mutex sees to it).
// replay() queues on the current stream of the captured device and does not wait for it. Replays of
// one graph must not overlap.
#pragma once

#include <functional>
#include <memory>

namespace zoetrope::tensor {

class CapturedGraph {
 public:
  // Runs `body` `warm_up_runs` times on a side stream (libraries make their handles and workspaces,
  // cuDNN picks algorithms), then once more under capture, on the current device. The warm-up runs
  // are real: a training step inside really trains. The captured run is recorded, not executed.
  // Throws Error(kFailedPrecondition) in a build without CUDA, and whatever `body` throws.
  static CapturedGraph capture(const std::function<void()>& body, int warm_up_runs = 3);

  void replay();

  CapturedGraph(CapturedGraph&&) noexcept;
  CapturedGraph& operator=(CapturedGraph&&) noexcept;
  ~CapturedGraph();

 private:
  struct Impl;
  explicit CapturedGraph(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace zoetrope::tensor
