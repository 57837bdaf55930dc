// Follows the order torch/cuda/graphs.py (2.11) found to work: wait for the device, give cached
// memory back so that the graph's own pool can have it, capture on a side stream.
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include <mutex>

#include "base/status.h"
#include "tensor/graph_capture.h"

namespace zoetrope::tensor {

struct CapturedGraph::Impl {
  at::cuda::CUDAGraph graph;
  c10::DeviceIndex device = -1;
};

namespace {

std::mutex& capture_mutex() {
  static std::mutex mutex;
  return mutex;
}

// Thread-local mode: only this thread's unsafe calls (a synchronisation, a cudaMalloc outside the
// allocator) break the capture. The global mode would also forbid them to autograd's device thread,
// which may still be creating a library handle, and to unrelated threads such as a data loader.
void record(at::cuda::CUDAGraph& graph, const std::function<void()>& body) {
  graph.capture_begin({0, 0}, cudaStreamCaptureModeThreadLocal);
  try {
    body();
  } catch (...) {
    // The stream must leave capture mode or every later call on it fails; the error that matters is
    // the body's, not the one capture_end reports about a broken capture.
    try {
      graph.capture_end();
    } catch (const std::exception&) {
    }
    throw;
  }
  graph.capture_end();
}

}  // namespace

CapturedGraph::CapturedGraph(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
CapturedGraph::CapturedGraph(CapturedGraph&&) noexcept = default;
CapturedGraph& CapturedGraph::operator=(CapturedGraph&&) noexcept = default;
CapturedGraph::~CapturedGraph() = default;

CapturedGraph CapturedGraph::capture(const std::function<void()>& body, int warm_up_runs) {
  base::require(warm_up_runs >= 1, "a capture needs at least one warm-up run");
  const std::lock_guard lock(capture_mutex());
  auto impl = std::make_unique<Impl>();
  impl->device = c10::cuda::current_device();

  // What the caller queued (weights being copied, say) must be done before the side stream reads
  // it.
  c10::cuda::device_synchronize();
  {
    // One stream for warm-up and capture: cuBLAS keeps a workspace per (handle, stream), so the one
    // made by the warm-up is the one the graph uses.
    const c10::cuda::CUDAStreamGuard side_stream(
        c10::cuda::getStreamFromPool(/*isHighPriority=*/false, impl->device));
    for (int i = 0; i < warm_up_runs; ++i) body();
    c10::cuda::device_synchronize();
    c10::cuda::CUDACachingAllocator::emptyCache();
    record(impl->graph, body);
  }
  c10::cuda::device_synchronize();
  return CapturedGraph(std::move(impl));
}

void CapturedGraph::replay() {
  const c10::cuda::CUDAGuard guard(impl_->device);
  impl_->graph.replay();
}

}  // namespace zoetrope::tensor
