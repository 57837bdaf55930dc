// Rows of channels somewhere in a tensor, for kernels that read and write slices of larger ones.
// Strides are in elements; neighbouring channels are adjacent; every row starts on a 16-byte
// boundary. Torch-free, CUDA-free.
#pragma once

#include <cstdint>

#include "kernels/common/dtype.h"

namespace zoetrope::kernels {

// A stride of zero repeats a row. No data: the operand is absent.
struct RowView {
  const void* data = nullptr;
  int64_t batch_stride = 0;
  int64_t row_stride = 0;
  Dtype dtype = Dtype::kFloat32;
};

struct RowTarget {
  void* data = nullptr;
  int64_t batch_stride = 0;
  int64_t row_stride = 0;
};

}  // namespace zoetrope::kernels
