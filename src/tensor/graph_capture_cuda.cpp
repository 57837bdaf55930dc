// Follows the order torch/cuda/graphs.py (2.11) found to work: wait for the device, give cached
// memory back so that the graph's own pool can have it, capture on a side stream.
#include <ATen/cuda/CUDAEvent.h>
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAGraphsC10Utils.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include <algorithm>
#include <map>
#include <mutex>

#include "base/status.h"
#include "tensor/graph_capture.h"

namespace zoetrope::tensor {

struct CapturedGraph::Impl {
  at::cuda::CUDAGraph graph;
  c10::DeviceIndex device = -1;
  int64_t bytes = 0;
};

namespace {

std::mutex& capture_mutex() {
  static std::mutex mutex;
  return mutex;
}

// One for warm-up and capture: cuBLAS keeps a workspace per (handle, stream), and a handle per
// thread, so the one made by the warm-up is the one the graph uses.
c10::cuda::CUDAStream recording_stream() {
  thread_local std::map<c10::DeviceIndex, c10::cuda::CUDAStream> streams;
  const c10::DeviceIndex device = c10::cuda::current_device();
  const auto known = streams.find(device);
  if (known != streams.end()) return known->second;
  const auto fresh = c10::cuda::getStreamFromPool(/*isHighPriority=*/false, device);
  return streams.emplace(device, fresh).first->second;
}

void chain(const c10::cuda::CUDAStream& before, const c10::cuda::CUDAStream& after) {
  at::cuda::CUDAEvent event;
  event.record(before);
  event.block(after);
}

int64_t reserved_bytes(c10::DeviceIndex device) {
  using c10::CachingAllocator::StatType;
  const auto stats = c10::cuda::CUDACachingAllocator::getDeviceStats(device);
  return stats.reserved_bytes[static_cast<size_t>(StatType::AGGREGATE)].current;
}

// Thread-local mode: only this thread's unsafe calls (a synchronisation, a cudaMalloc outside the
// allocator) break the capture. The global mode would also forbid them to autograd's device thread,
// which may still be creating a library handle, and to unrelated threads such as a data loader.
void fill(at::cuda::CUDAGraph& graph, const std::function<void()>& body) {
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

void CapturedGraph::warm_up(const std::function<void()>& body) {
  const c10::cuda::CUDAStream former = c10::cuda::getCurrentCUDAStream();
  const c10::cuda::CUDAStream side = recording_stream();
  chain(former, side);
  try {
    const c10::cuda::CUDAStreamGuard there(side);
    body();
  } catch (...) {
    chain(side, former);  // memory that the body freed may be on its way to other hands
    throw;
  }
  chain(side, former);
}

CapturedGraph CapturedGraph::record(const std::function<void()>& body) {
  const std::lock_guard lock(capture_mutex());
  auto impl = std::make_unique<Impl>();
  impl->device = c10::cuda::current_device();
  // What is under way (weights being copied, say) must be done before a replay reads it.
  c10::cuda::device_synchronize();
  const c10::cuda::CUDAStreamGuard there(recording_stream());
  c10::cuda::CUDACachingAllocator::emptyCache();
  const int64_t before = reserved_bytes(impl->device);
  fill(impl->graph, body);
  impl->bytes = std::max<int64_t>(0, reserved_bytes(impl->device) - before);
  return CapturedGraph(std::move(impl));
}

int64_t CapturedGraph::bytes() const { return impl_->bytes; }

bool recording() {
  return c10::cuda::currentStreamCaptureStatusMayInitCtx() != c10::cuda::CaptureStatus::None;
}

void CapturedGraph::replay() {
  const c10::cuda::CUDAGuard guard(impl_->device);
  impl_->graph.replay();
}

}  // namespace zoetrope::tensor
