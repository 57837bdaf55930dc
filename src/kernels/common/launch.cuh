// Starting a kernel, apart from the rest because <<< >>> is the one thing in the kernels' sources
// that a C++ compiler cannot read: the host emulation (emulation/) has its own form of this file.
#pragma once

#include <cuda_runtime.h>

#include "base/dry_run.h"

namespace zoetrope::kernels {

// The error is the launch's own. In a dry run, where there is no data, nothing is started.
template <class... P, class... A>
cudaError_t launch(void (*kernel)(P...), dim3 grid, dim3 block, cudaStream_t stream, A... args) {
  if (base::in_dry_run) return cudaSuccess;
  kernel<<<grid, block, 0, stream>>>(static_cast<P>(args)...);
  return cudaGetLastError();
}

}  // namespace zoetrope::kernels
