// Runs a kernel on the CPU; see ../../cuda_runtime_api.h.
#pragma once

#include <cuda_runtime.h>

#include <functional>

#include "base/dry_run.h"

namespace zoetrope::kernels {

namespace emulation {
void run(dim3 grid, dim3 block, const std::function<void()>& thread);
}

template <class... P, class... A>
cudaError_t launch(void (*kernel)(P...), dim3 grid, dim3 block, cudaStream_t, A... args) {
  if (base::in_dry_run) return cudaSuccess;
  emulation::run(grid, block, [&] { kernel(static_cast<P>(args)...); });
  return cudaSuccess;
}

}  // namespace zoetrope::kernels
