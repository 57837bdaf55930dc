#include "kernels/matmul/matmul_cublaslt.h"

#include <algorithm>

// Weak: found among what the process has loaded, so that the binary names no library of its own.
#pragma weak cublasLtMatmul
#pragma weak cublasLtMatmulAlgoConfigGetAttribute
#pragma weak cublasLtMatmulAlgoGetHeuristic
#pragma weak cublasLtMatmulDescInit_internal
#pragma weak cublasLtMatmulDescSetAttribute
#pragma weak cublasLtMatmulPreferenceInit_internal
#pragma weak cublasLtMatmulPreferenceSetAttribute
#pragma weak cublasLtMatrixLayoutInit_internal

namespace zoetrope::kernels {
namespace {

constexpr uint32_t kAlignment = 16;
constexpr uint64_t kMostWorkspace = 32 << 20;

cudaDataType_t result_type(MatmulType type) {
  return type == MatmulType::kFloat16 ? CUDA_R_16F : CUDA_R_16BF;
}

cudaDataType_t input_type(MatmulType type) {
  return type == MatmulType::kFp8 ? CUDA_R_8F_E4M3 : result_type(type);
}

bool whole_vectors(const void* pointer, int64_t stride, MatmulType type, bool result) {
  const int64_t bytes = type == MatmulType::kFp8 && !result ? 1 : 2;
  return reinterpret_cast<uintptr_t>(pointer) % kAlignment == 0 && stride * bytes % kAlignment == 0;
}

// The library thinks in columns: our rows of y are its columns, w^T is its first factor.
class Plan {
 public:
  explicit Plan(const Matmul& p) {
    good_ =
        check(cublasLtMatmulDescInit(&operation_, CUBLAS_COMPUTE_32F, CUDA_R_32F)) &&
        check(cublasLtMatrixLayoutInit(&w_, input_type(p.type), p.k, p.n, p.w_stride)) &&
        check(cublasLtMatrixLayoutInit(&x_, input_type(p.type), p.k, p.m, p.x_stride)) &&
        check(cublasLtMatrixLayoutInit(&c_, result_type(p.type), p.n, p.m,
                                       p.residual == nullptr ? p.y_stride : p.residual_stride)) &&
        check(cublasLtMatrixLayoutInit(&y_, result_type(p.type), p.n, p.m, p.y_stride)) &&
        describe(p);
  }

  bool good() const { return good_; }
  cublasLtMatmulDesc_t operation() { return &operation_; }
  cublasLtMatrixLayout_t w() { return &w_; }
  cublasLtMatrixLayout_t x() { return &x_; }
  cublasLtMatrixLayout_t c() { return &c_; }
  cublasLtMatrixLayout_t y() { return &y_; }

 private:
  static bool check(cublasStatus_t status) { return status == CUBLAS_STATUS_SUCCESS; }

  template <class T>
  bool set(cublasLtMatmulDescAttributes_t attribute, T value) {
    return check(cublasLtMatmulDescSetAttribute(&operation_, attribute, &value, sizeof(value)));
  }

  bool describe(const Matmul& p) {
    const bool bias = p.bias != nullptr;
    const cublasLtEpilogue_t epilogue =
        p.gelu ? (bias ? CUBLASLT_EPILOGUE_GELU_BIAS : CUBLASLT_EPILOGUE_GELU)
               : (bias ? CUBLASLT_EPILOGUE_BIAS : CUBLASLT_EPILOGUE_DEFAULT);
    return set(CUBLASLT_MATMUL_DESC_TRANSA, CUBLAS_OP_T) &&
           set(CUBLASLT_MATMUL_DESC_TRANSB, CUBLAS_OP_N) &&
           set(CUBLASLT_MATMUL_DESC_EPILOGUE, epilogue) &&
           (!bias || set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, p.bias)) &&
           (!bias || set(CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, result_type(p.type))) &&
           (p.type != MatmulType::kFp8 || describe_scales(p));
  }

  bool describe_scales(const Matmul& p) {
    constexpr auto kEachRow = static_cast<int32_t>(CUBLASLT_MATMUL_MATRIX_SCALE_OUTER_VEC_32F);
    return set(CUBLASLT_MATMUL_DESC_A_SCALE_MODE, kEachRow) &&
           set(CUBLASLT_MATMUL_DESC_B_SCALE_MODE, kEachRow) &&
           set(CUBLASLT_MATMUL_DESC_A_SCALE_POINTER, static_cast<const void*>(p.w_scale)) &&
           set(CUBLASLT_MATMUL_DESC_B_SCALE_POINTER, static_cast<const void*>(p.x_scale)) &&
           set(CUBLASLT_MATMUL_DESC_FAST_ACCUM, static_cast<int8_t>(p.fast_accumulation));
  }

  cublasLtMatmulDescOpaque_t operation_;
  cublasLtMatrixLayoutOpaque_t w_, x_, c_, y_;
  bool good_ = false;
};

// Every algorithm must take whatever matmul_supported() accepts, and none may split k.
bool prefer(cublasLtMatmulPreferenceOpaque_t& preference) {
  const auto set = [&](cublasLtMatmulPreferenceAttributes_t attribute, auto value) {
    return cublasLtMatmulPreferenceSetAttribute(&preference, attribute, &value, sizeof(value)) ==
           CUBLAS_STATUS_SUCCESS;
  };
  return cublasLtMatmulPreferenceInit(&preference) == CUBLAS_STATUS_SUCCESS &&
         set(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, kMostWorkspace) &&
         set(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
             static_cast<uint32_t>(CUBLASLT_REDUCTION_SCHEME_NONE)) &&
         set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, kAlignment) &&
         set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, kAlignment) &&
         set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, kAlignment) &&
         set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, kAlignment);
}

bool splits_k(const cublasLtMatmulAlgo_t& algorithm) {
  int32_t parts = 1;
  size_t written = 0;
  return cublasLtMatmulAlgoConfigGetAttribute(&algorithm, CUBLASLT_ALGO_CONFIG_SPLITK_NUM, &parts,
                                              sizeof(parts), &written) != CUBLAS_STATUS_SUCCESS ||
         parts > 1;
}

}  // namespace

bool matmul_supported(const Matmul& p) {
  return &cublasLtMatmul != nullptr && p.m >= 1 && p.n >= 1 && p.k >= 1 && p.m < INT32_MAX &&
         whole_vectors(p.x, p.x_stride, p.type, false) &&
         whole_vectors(p.w, p.w_stride, p.type, false) &&
         whole_vectors(p.y, p.y_stride, p.type, true) && whole_vectors(p.bias, 0, p.type, true) &&
         whole_vectors(p.residual, p.residual_stride, p.type, true) &&
         (p.type != MatmulType::kFp8 || (p.k % 16 == 0 && p.n % 16 == 0 && p.x_scale && p.w_scale));
}

int matmul_algorithms(cublasLtHandle_t handle, const Matmul& p, MatmulAlgorithm* found, int most) {
  Plan plan(p);
  cublasLtMatmulPreferenceOpaque_t preference;
  if (!plan.good() || !prefer(preference)) return 0;
  cublasLtMatmulHeuristicResult_t results[kMostAlgorithms] = {};
  int count = 0;
  if (cublasLtMatmulAlgoGetHeuristic(handle, plan.operation(), plan.w(), plan.x(), plan.c(),
                                     plan.y(), &preference, kMostAlgorithms, results,
                                     &count) != CUBLAS_STATUS_SUCCESS) {
    return 0;
  }
  int kept = 0;
  for (int i = 0; i < std::min(count, kMostAlgorithms) && kept < most; ++i) {
    if (results[i].state != CUBLAS_STATUS_SUCCESS || splits_k(results[i].algo)) continue;
    found[kept++] = {results[i].algo, results[i].workspaceSize};
  }
  return kept;
}

cudaError_t matmul(cublasLtHandle_t handle, const Matmul& p, const MatmulAlgorithm& algorithm,
                   void* workspace, cudaStream_t stream) {
  Plan plan(p);
  const float one = 1, beta = p.residual == nullptr ? 0 : 1;
  if (!plan.good()) return cudaErrorNotSupported;
  const cublasStatus_t status =
      cublasLtMatmul(handle, plan.operation(), &one, p.w, plan.w(), p.x, plan.x(), &beta,
                     p.residual == nullptr ? p.y : p.residual, plan.c(), p.y, plan.y(),
                     &algorithm.algorithm, workspace, algorithm.workspace_bytes, stream);
  if (status == CUBLAS_STATUS_SUCCESS) return cudaSuccess;
  return status == CUBLAS_STATUS_EXECUTION_FAILED ? cudaErrorUnknown : cudaErrorNotSupported;
}

}  // namespace zoetrope::kernels
