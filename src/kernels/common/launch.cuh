// Starting a kernel, apart from the rest because <<< >>> is the one thing in the kernels' sources
// that a C++ compiler cannot read: the host emulation (emulation/) has its own form of this file.
#pragma once

#include <cuda_runtime.h>

namespace zoetrope::kernels {

// The error is the launch's own.
template <class... P, class... A>
cudaError_t launch(void (*kernel)(P...), dim3 grid, dim3 block, cudaStream_t stream, A... args) {
  kernel<<<grid, block, 0, stream>>>(static_cast<P>(args)...);
  return cudaGetLastError();
}

}  // namespace zoetrope::kernels
