// What the CUDA variants share: from tensors to the kernels' plain parameters. Internal to ops, in
// files built with CUDA only.
#pragma once

#include <ATen/ATen.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include "base/status.h"
#include "kernels/common/dtype.h"

namespace zoetrope::ops::cuda {

inline bool has_kernel_dtype(const at::Tensor& t) {
  return t.scalar_type() == at::kBFloat16 || t.scalar_type() == at::kFloat;
}

inline kernels::Dtype dtype_of(const at::Tensor& t) {
  return t.scalar_type() == at::kBFloat16 ? kernels::Dtype::kBfloat16 : kernels::Dtype::kFloat32;
}

inline bool aligned(const at::Tensor& t) {
  return reinterpret_cast<uintptr_t>(t.const_data_ptr()) % 16 == 0;
}

// Contiguous and on a 16-byte boundary.
inline bool packed(const at::Tensor& t) { return t.is_contiguous() && aligned(t); }

// `t` itself where it is packed, else a copy: gradients arrive expanded or sliced.
inline at::Tensor pack(const at::Tensor& t) {
  if (packed(t)) return t;
  return t.is_contiguous() ? t.clone() : t.contiguous();
}

// A parameter vector that the kernels can read beside x.
inline bool matches(const at::Tensor& parameter, const at::Tensor& x) {
  return parameter.defined() && parameter.scalar_type() == x.scalar_type() &&
         parameter.device() == x.device() && packed(parameter);
}

inline at::Tensor floats(int64_t count, const at::Tensor& like) {
  return at::empty({count}, like.options().dtype(at::kFloat));
}

inline void check(cudaError_t error, const char* kernel) {
  if (error == cudaSuccess) return;
  throw base::Error(base::StatusCode::kInternal,
                    std::string(kernel) + ": " + cudaGetErrorString(error));
}

}  // namespace zoetrope::ops::cuda
