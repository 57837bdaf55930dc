// Sums over rows in a fixed order, without atomics: what the norms' weight gradients and
// per-channel statistics are made of. Two quantities travel together.
#pragma once

#include "kernels/common/vector.cuh"

namespace zoetrope::kernels {

inline constexpr int kColumnSumThreads = 256;  // largest block that store_column_sums takes

// Block (lanes, rows): thread (lane, row) holds V columns of two sums, starting at column
// `base + lane * V`. Adds them up over the block's rows, in row order, into first[columns] and
// second[columns]. Every thread of the block must call it.
template <int V>
__device__ void store_column_sums(const float (&a)[V], const float (&b)[V], int base, int columns,
                                  float* first, float* second) {
  if (blockDim.y == 1) {
#pragma unroll
    for (int v = 0; v < V; ++v) {
      const int column = base + threadIdx.x * V + v;
      if (column < columns) {
        first[column] = a[v];
        second[column] = b[v];
      }
    }
    return;
  }
  __shared__ float sums[2][kColumnSumThreads * V];
  const int width = blockDim.x * V;
#pragma unroll
  for (int v = 0; v < V; ++v) {
    const int slot = threadIdx.y * width + threadIdx.x * V + v;
    sums[0][slot] = a[v];
    sums[1][slot] = b[v];
  }
  __syncthreads();
  const int threads = blockDim.x * blockDim.y;
  for (int i = threadIdx.y * blockDim.x + threadIdx.x; i < width; i += threads) {
    float total_a = 0, total_b = 0;
    for (unsigned row = 0; row < blockDim.y; ++row) {
      total_a += sums[0][row * width + i];
      total_b += sums[1][row * width + i];
    }
    if (base + i < columns) {
      first[base + i] = total_a;
      second[base + i] = total_b;
    }
  }
  __syncthreads();  // the next call reuses `sums`
}

inline constexpr int kRowSlots = 32;

// partial [rows, 2, columns] fp32 -> first[columns], second[columns]. Block (32, kRowSlots).
template <class T>
__global__ void __launch_bounds__(32 * kRowSlots)
    sum_rows_kernel(const float* partial, int64_t rows, int columns, T* first, T* second) {
  __shared__ float sums[kRowSlots][33];
  const int64_t width = 2 * static_cast<int64_t>(columns);
  const int64_t column = blockIdx.x * 32 + threadIdx.x;
  float total = 0;
  if (column < width) {
#pragma unroll 8
    for (int64_t row = threadIdx.y; row < rows; row += kRowSlots) {
      total += partial[row * width + column];
    }
  }
  sums[threadIdx.y][threadIdx.x] = total;
  __syncthreads();
  if (threadIdx.y != 0 || column >= width) return;
  total = 0;
  for (int slot = 0; slot < kRowSlots; ++slot) total += sums[slot][threadIdx.x];
  assign(column < columns ? first[column] : second[column - columns], total);
}

template <class T>
cudaError_t sum_rows(const float* partial, int64_t rows, int columns, T* first, T* second,
                     cudaStream_t stream) {
  return launch(sum_rows_kernel<T>, dim3(ceil_div(2 * columns, 32)), dim3(32, kRowSlots), stream,
                partial, rows, columns, first, second);
}

}  // namespace zoetrope::kernels
