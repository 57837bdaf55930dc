#include <ATen/ATen.h>
#include <ATen/cuda/CUDAContextLight.h>

#include "kernels/matmul/matmul_cublaslt.h"
#include "ops/cuda_support.cuh"
#include "ops/matmul_choice.h"
#include "ops/problems.h"

namespace zoetrope::ops::cublaslt {
namespace {

using at::Tensor;
using kernels::Matmul;
using kernels::MatmulType;

// [rows, columns] over the same memory; undefined where rows are not evenly spaced, on 16-byte
// boundaries, with neighbours adjacent.
Tensor as_matrix(const Tensor& t) {
  const int64_t columns = t.size(-1), last = t.dim() - 2;
  if (t.stride(-1) != 1 && columns > 1) return {};
  int64_t stride = columns, rows = 1;
  for (int64_t i = last; i >= 0; --i) {
    if (t.size(i) == 1) continue;
    if (rows == 1) {
      stride = t.stride(i);
    } else if (t.stride(i) != stride * rows) {
      return {};
    }
    rows *= t.size(i);
  }
  if (stride < columns || stride * static_cast<int64_t>(t.element_size()) % 16 != 0 ||
      !cuda::aligned(t)) {
    return {};
  }
  return t.as_strided({rows, columns}, {stride, 1});
}

Tensor readable(const Tensor& t) {
  const Tensor matrix = as_matrix(t);
  return matrix.defined() ? matrix : as_matrix(t.clone(at::MemoryFormat::Contiguous));
}

MatmulType type_of(const LinearWeight& w) {
  if (w.format == WeightFormat::kFp8) return MatmulType::kFp8;
  return w.weight.scalar_type() == at::kHalf ? MatmulType::kFloat16 : MatmulType::kBfloat16;
}

const void* pointer(const Tensor& t) { return t.defined() ? t.const_data_ptr() : nullptr; }

struct Operands {
  Tensor x, x_scale, bias, residual, y;  // matrices and vectors, kept until the launch
};

Matmul matmul_of(const Operands& o, const LinearWeight& w, bool gelu) {
  Matmul p;
  p.type = type_of(w);
  p.m = o.x.size(0);
  p.n = w.weight.size(0);
  p.k = w.weight.size(1);
  p.x = o.x.const_data_ptr();
  p.x_stride = o.x.stride(0);
  p.w = w.weight.const_data_ptr();
  p.w_stride = p.k;
  p.y = o.y.data_ptr();
  p.y_stride = o.y.stride(0);
  p.bias = pointer(o.bias);
  p.residual = pointer(o.residual);
  p.residual_stride = o.residual.defined() ? o.residual.stride(0) : 0;
  p.x_scale = static_cast<const float*>(pointer(o.x_scale));
  p.w_scale = static_cast<const float*>(pointer(w.scale));
  p.gelu = gelu;
  p.fast_accumulation = w.fast_accumulation;
  return p;
}

bool run(const Matmul& p, const Tensor& like) {
  if (!kernels::matmul_supported(p)) return false;
  const cublasLtHandle_t handle = at::cuda::getCurrentCUDABlasLtHandle();
  const auto algorithm = choose(handle, p);
  if (!algorithm) return false;
  const Tensor workspace = at::empty({static_cast<int64_t>(algorithm->workspace_bytes)},
                                     like.options().dtype(at::kByte));
  const cudaError_t error =
      kernels::matmul(handle, p, *algorithm, workspace.data_ptr(), cuda::current_stream());
  if (error == cudaErrorNotSupported) return false;
  cuda::check(error, "matmul");
  return true;
}

// Where the result is made: in `out` itself, if there is one that the library can write to.
struct Result {
  Tensor tensor, matrix;
};

Result result_for(const LinearProblem& p) {
  const Tensor& out = p.fusion.out;
  if (out.defined()) {
    const Tensor matrix = as_matrix(out);
    if (matrix.defined()) return {out, matrix};
  }
  auto sizes = p.x.sizes().vec();
  sizes.back() = p.w.weight.size(0);
  const Tensor made = at::empty(sizes, p.x.options().dtype(p.w.result_dtype()));
  return {made, made.view({-1, sizes.back()})};
}

// False where the library refuses.
bool multiply(const LinearProblem& p, const Tensor& y) {
  const LinearFusion& f = p.fusion;
  // The library adds what it adds before GELU.
  const bool adds = f.residual.defined() && f.activation == Activation::kNone;
  Operands o{readable(p.x), {}, {}, {}, y};
  if (p.row_scale.defined()) o.x_scale = cuda::pack(p.row_scale);
  if (p.w.bias.defined()) o.bias = cuda::pack(p.w.bias);
  if (adds) o.residual = readable(f.residual);
  const bool fused = f.activation == Activation::kGeluTanh && run(matmul_of(o, p.w, true), y);
  if (!fused && !run(matmul_of(o, p.w, false), y)) return false;
  if (!fused && f.activation != Activation::kNone) y.copy_(activate(y, f.activation));
  if (f.residual.defined() && !adds) y.add_(f.residual.reshape(y.sizes()));
  return true;
}

}  // namespace

bool supports(const LinearProblem& p) {
  const LinearWeight& w = p.w;
  if (!p.x.is_cuda() || p.grad() || w.weight.numel() == 0) return false;
  if (!w.weight.is_contiguous() || !cuda::aligned(w.weight)) return false;
  if (w.bias.defined() && w.bias.scalar_type() != w.result_dtype()) return false;
  if (w.format == WeightFormat::kFp8) {
    return w.dtype == at::kBFloat16 && w.weight.size(0) % 16 == 0 && w.weight.size(1) % 16 == 0;
  }
  const at::ScalarType dtype = w.weight.scalar_type();
  return w.format == WeightFormat::kPlain && (dtype == at::kBFloat16 || dtype == at::kHalf) &&
         p.x.scalar_type() == dtype && w.weight.size(0) % 8 == 0 && w.weight.size(1) % 8 == 0;
}

Tensor linear(const LinearProblem& problem) {
  const cuda::DeviceGuard guard(problem.x.device());
  const Result result = result_for(problem);
  if (result.matrix.numel() > 0 && !multiply(problem, result.matrix)) return {};
  const Tensor& out = problem.fusion.out;
  if (out.defined() && !result.tensor.is_same(out)) return out.copy_(result.tensor);
  return result.tensor;
}

}  // namespace zoetrope::ops::cublaslt
