#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/cuda/CUDAEvent.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "tensor/host_to_device.h"

namespace zoetrope::tensor {
namespace {

// Large enough to hide a copy's start, small enough to be pinned in 20 ms.
constexpr int64_t kBufferBytes = int64_t{64} << 20;
// A thread's share; less than this is copied by one.
constexpr int64_t kShareBytes = int64_t{1} << 20;
constexpr int64_t kAlignment = 256;

void copy_in_parallel(std::byte* to, const std::byte* from, int64_t bytes) {
  at::parallel_for(0, bytes, kShareBytes, [&](int64_t begin, int64_t end) {
    std::memcpy(to + begin, from + begin, static_cast<size_t>(end - begin));
  });
}

}  // namespace

struct HostToDevice::Impl {
  explicit Impl(at::Device device)
      : device(device), stream(c10::cuda::getStreamFromPool(false, device.index())) {
    for (Buffer& buffer : buffers) {
      buffer.memory = at::empty({kBufferBytes}, at::TensorOptions(at::kByte).pinned_memory(true));
    }
  }

  struct Buffer {
    at::Tensor memory;
    int64_t used = 0;
    at::cuda::CUDAEvent emptied;  // recorded when the last piece was queued
  };

  // The next `bytes`, or as many as are left of them, of pinned memory.
  std::byte* room(int64_t& bytes) {
    if (buffers[now].used == kBufferBytes) {
      buffers[now].emptied.record(stream);
      now = 1 - now;
      buffers[now].emptied.synchronize();  // at once where it was never recorded
      buffers[now].used = 0;
    }
    Buffer& buffer = buffers[now];
    bytes = std::min(bytes, kBufferBytes - buffer.used);
    auto* start = static_cast<std::byte*>(buffer.memory.data_ptr()) + buffer.used;
    buffer.used =
        std::min(kBufferBytes, buffer.used + (bytes + kAlignment - 1) / kAlignment * kAlignment);
    return start;
  }

  void upload(const std::byte* from, int64_t bytes, std::byte* to) {
    for (int64_t done = 0; done < bytes;) {
      int64_t piece = bytes - done;
      std::byte* staged = room(piece);
      copy_in_parallel(staged, from + done, piece);
      C10_CUDA_CHECK(cudaMemcpyAsync(to + done, staged, static_cast<size_t>(piece),
                                     cudaMemcpyHostToDevice, stream));
      done += piece;
    }
  }

  at::Device device;
  c10::cuda::CUDAStream stream;
  std::array<Buffer, 2> buffers;
  size_t now = 0;
};

HostToDevice::HostToDevice(at::Device device) : impl_(std::make_unique<Impl>(device)) {}

HostToDevice::~HostToDevice() {
  if (impl_ != nullptr) cudaStreamSynchronize(impl_->stream);  // before the buffers go
}
HostToDevice::HostToDevice(HostToDevice&&) noexcept = default;
HostToDevice& HostToDevice::operator=(HostToDevice&&) noexcept = default;

at::Tensor HostToDevice::upload(const at::Tensor& host) {
  const c10::cuda::CUDAGuard guard(impl_->device);
  const at::Tensor from = host.contiguous();
  at::Tensor to = at::empty(from.sizes(), from.options().device(impl_->device));
  if (to.numel() == 0) return to;
  const auto present = c10::cuda::getCurrentCUDAStream(impl_->device.index());
  at::cuda::CUDAEvent free, filled;
  free.record(present);  // the memory may have been another tensor's until now
  free.block(impl_->stream);
  impl_->upload(static_cast<const std::byte*>(from.const_data_ptr()),
                static_cast<int64_t>(from.nbytes()), static_cast<std::byte*>(to.data_ptr()));
  filled.record(impl_->stream);
  filled.block(present);
  return to;
}

}  // namespace zoetrope::tensor
