#include "base/status.h"
#include "tensor/host_to_device.h"

namespace zoetrope::tensor {

struct HostToDevice::Impl {};

HostToDevice::HostToDevice(at::Device) {
  throw base::Error(base::StatusCode::kFailedPrecondition, "upload: built without CUDA");
}

HostToDevice::~HostToDevice() = default;
HostToDevice::HostToDevice(HostToDevice&&) noexcept = default;
HostToDevice& HostToDevice::operator=(HostToDevice&&) noexcept = default;

at::Tensor HostToDevice::upload(const at::Tensor& host) { return host; }

}  // namespace zoetrope::tensor
