#include "base/status.h"
#include "engine/device_memory.h"

namespace zoetrope::engine {

int64_t free_device_bytes(at::Device) {
  throw base::Error(base::StatusCode::kFailedPrecondition, "this build is for the CPU only");
}

void keep_device_memory_whole() {
  throw base::Error(base::StatusCode::kFailedPrecondition, "this build is for the CPU only");
}

void limit_device_bytes(at::Device, int64_t) {
  throw base::Error(base::StatusCode::kFailedPrecondition, "this build is for the CPU only");
}

}  // namespace zoetrope::engine
