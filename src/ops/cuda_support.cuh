// What the CUDA variants share: the device, and the way from tensors to the kernels' plain
// parameters. Internal to ops, in files built with CUDA only (or with the kernels' host emulation,
// which replaces cuda_device.cuh).
#pragma once

#include <ATen/ATen.h>

#include "kernels/common/dtype.h"
#include "ops/cuda_device.cuh"

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

// A parameter vector that the kernels can read beside x once it is packed: a slice of a trainer's
// flat buffer may start anywhere.
inline bool matches(const at::Tensor& parameter, const at::Tensor& x) {
  return parameter.defined() && parameter.scalar_type() == x.scalar_type() &&
         parameter.device() == x.device() && parameter.is_contiguous();
}

inline at::Tensor floats(int64_t count, const at::Tensor& like) {
  return at::empty({count}, like.options().dtype(at::kFloat));
}

}  // namespace zoetrope::ops::cuda
