// HostToDevice: tensors from plain host memory (a mapped file, mostly) to a GPU at the rate of its
// bus. Several threads copy into one of two pinned buffers while the GPU empties the other on a
// stream of its own.
//
// One thread at a time. A result may be used on the calling thread's current stream at once; the
// host memory it came from may go as soon as upload returns. Pinned memory is torch's, which keeps
// it for the next one.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <memory>

namespace zoetrope::tensor {

class HostToDevice {
 public:
  // Throws base::Error(kFailedPrecondition) in a build without CUDA.
  explicit HostToDevice(at::Device device);
  ~HostToDevice();
  HostToDevice(HostToDevice&&) noexcept;
  HostToDevice& operator=(HostToDevice&&) noexcept;

  // A contiguous copy on the device of `host`, which is on the CPU.
  at::Tensor upload(const at::Tensor& host);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace zoetrope::tensor
