// Matrix products through cuBLASLt: y = x w^T, row-major, with what may stand behind the product in
// the same pass. Free of torch. The caller owns every buffer; nothing is allocated on the device
// and nothing waits for the stream. Any thread may call, with a handle of its own.
//
// Which algorithm runs is the caller's choice among those matmul_algorithms() lists. None of them
// splits k, so each element of y is one sum over k in one order.
//
// The library is the one the process has loaded already (PyTorch brings it): nothing here makes the
// binary ask for another.
#pragma once

#include <cublasLt.h>
#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

namespace zoetrope::kernels {

enum class MatmulType {
  kBfloat16,
  kFloat16,
  kFp8,  // x and w float8_e4m3fn, y bf16
};

// Strides are in elements, between rows; elements of a row are adjacent.
struct Matmul {
  MatmulType type = MatmulType::kBfloat16;
  int64_t m = 0, n = 0, k = 0;
  const void* x = nullptr;  // [m, k]
  int64_t x_stride = 0;
  const void* w = nullptr;  // [n, k]
  int64_t w_stride = 0;
  void* y = nullptr;  // [m, n]
  int64_t y_stride = 0;
  const void* bias = nullptr;      // [n] of y's type, or null
  const void* residual = nullptr;  // [m, n] of y's type, added at the end, or null; may be y
  int64_t residual_stride = 0;
  const float* x_scale = nullptr;  // kFp8: [m] and [n], y = x_scale w_scale (x w^T) + bias
  const float* w_scale = nullptr;
  bool gelu = false;               // of product and bias, in the tanh form
  bool fast_accumulation = false;  // kFp8: sums stay in the tensor core's own narrow accumulators
};

// Pointers on 16-byte boundaries, strides of whole 16-byte vectors, at least one of each of m, n,
// k.
bool matmul_supported(const Matmul& p);

struct MatmulAlgorithm {
  cublasLtMatmulAlgo_t algorithm;
  size_t workspace_bytes = 0;
};

inline constexpr int kMostAlgorithms = 8;

// Fills `found` with at most `most` algorithms, the library's favourite first, and returns how many
// there are: none where it cannot do this. They work for any pointers and strides that
// matmul_supported() accepts, and for any m.
int matmul_algorithms(cublasLtHandle_t handle, const Matmul& p, MatmulAlgorithm* found, int most);

// cudaErrorNotSupported where the library refuses; nothing has been launched then.
cudaError_t matmul(cublasLtHandle_t handle, const Matmul& p, const MatmulAlgorithm& algorithm,
                   void* workspace, cudaStream_t stream);

}  // namespace zoetrope::kernels
