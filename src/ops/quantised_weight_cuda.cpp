#include <ATen/ATen.h>

#include "kernels/dequantise/dequantise.h"
#include "ops/cuda_support.cuh"
#include "ops/problems.h"

namespace zoetrope::ops::cuda {
namespace {

kernels::Dequantise plan(const DequantiseProblem& problem) {
  const LinearWeight& w = problem.w;
  kernels::Dequantise p;
  p.rows = w.weight.size(0);
  p.columns = w.in_features();
  p.code =
      w.format == WeightFormat::kInt4 ? kernels::WeightCode::kInt4 : kernels::WeightCode::kInt8;
  p.dtype = problem.dtype == at::kFloat ? kernels::Dtype::kFloat32 : kernels::Dtype::kBfloat16;
  p.codes = w.weight.const_data_ptr();
  p.scale = w.scale.const_data_ptr();
  return p;
}

}  // namespace

bool supports(const DequantiseProblem& p) {
  const LinearWeight& w = p.w;
  return (w.format == WeightFormat::kInt8 || w.format == WeightFormat::kInt4) && on_gpu(w.weight) &&
         (p.dtype == at::kBFloat16 || p.dtype == at::kFloat) && packed(w.weight) &&
         w.scale.is_contiguous() && kernels::dequantise_supported(plan(p));
}

at::Tensor dequantise(const DequantiseProblem& problem) {
  const DeviceGuard guard(problem.w.weight.device());
  kernels::Dequantise p = plan(problem);
  const at::Tensor y =
      at::empty({p.rows, p.columns}, problem.w.weight.options().dtype(problem.dtype));
  p.y = y.data_ptr();
  check(kernels::dequantise(p, current_stream()), "dequantise");
  return y;
}

}  // namespace zoetrope::ops::cuda
