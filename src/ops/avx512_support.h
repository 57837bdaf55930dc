// What the AVX-512 variants share. Internal to ops.
#pragma once

#include <ATen/ATen.h>

#include "kernels/common/cpu_features.h"
#include "kernels/group_norm/group_norm_avx512.h"
#include "ops/norm.h"

namespace zoetrope::ops::avx512 {

inline bool is_bf16(const at::Tensor& t) {
  return t.defined() && t.is_cpu() && t.scalar_type() == at::kBFloat16;
}

// A bf16 tensor in one piece, on a processor that can work on it.
inline bool suits(const at::Tensor& t) {
  return kernels::has_avx512_bf16() && is_bf16(t) && t.is_contiguous() && t.numel() > 0;
}

inline const uint16_t* bits(const at::Tensor& t) {
  return static_cast<const uint16_t*>(t.const_data_ptr());
}

inline uint16_t* mutable_bits(const at::Tensor& t) { return static_cast<uint16_t*>(t.data_ptr()); }

inline bool absent_or_fits(const at::Tensor& t) {
  return !t.defined() || (is_bf16(t) && t.is_contiguous());
}

// The statistics of a GroupNorm, done; `problem.fold` holds what is left to apply.
struct GroupNormFold {
  GroupNormFold(const at::Tensor& x, const GroupNormParameters& parameters);

  kernels::avx512::GroupNorm problem;
  at::Tensor memory;
};

}  // namespace zoetrope::ops::avx512
