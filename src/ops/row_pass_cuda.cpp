#include <ATen/ATen.h>

#include "kernels/row_pass/row_pass.h"
#include "ops/cuda_rows.cuh"
#include "ops/row_pass_problem.h"

namespace zoetrope::ops::cuda {
namespace {

using at::Tensor;

kernels::RowActivation activation_of(Activation activation) {
  if (activation == Activation::kSilu) return kernels::RowActivation::kSilu;
  if (activation == Activation::kGeluTanh) return kernels::RowActivation::kGeluTanh;
  return kernels::RowActivation::kNone;
}

bool has_kernel(Activation activation) {
  return activation == Activation::kNone || activation_of(activation) != kernels::RowActivation{};
}

kernels::RowPass shape_of(const Tensor& x) {
  const int64_t batches = x.dim() == 3 ? x.size(0) : 1;
  kernels::RowPass shape;
  shape.batches = batches;
  shape.rows = x.numel() / (batches * x.size(-1));
  shape.channels = static_cast<int>(x.size(-1));
  shape.dtype = dtype_of(x);
  return shape;
}

kernels::RowPass inputs_of(const RowPass& p) {
  kernels::RowPass pass = shape_of(p.x);
  pass.x = row_view(p.x);
  pass.y = row_view(p.y);
  pass.gate = row_view(p.gate);
  pass.source = static_cast<kernels::RowSource>(p.source);
  pass.first = activation_of(p.first);
  pass.norm = static_cast<kernels::RowNorm>(p.norm);
  pass.eps = static_cast<float>(p.eps);
  pass.scale = row_view(p.scale);
  pass.shift = row_view(p.shift);
  pass.silu = p.last == Activation::kSilu;
  return pass;
}

bool is_sum(const RowPass& p) { return p.source == RowSource::kSum; }

// The sum is the result: nothing happens to it.
bool ends_with_sum(const RowPass& p) {
  return is_sum(p) && p.norm == NormKind::kNone && p.format == RowFormat::kPlain &&
         p.last == Activation::kNone && !p.scale.defined();
}

}  // namespace

bool supports(const RowPassProblem& problem) {
  const RowPass& p = problem.p;
  const Tensor& x = p.x;
  if (problem.grad() || !on_gpu(x) || !has_rows(x)) return false;
  if (p.source != RowSource::kSingle) {
    if (!has_rows(p.y) || p.y.sizes() != x.sizes() || p.y.device() != x.device() ||
        p.y.scalar_type() != x.scalar_type()) {
      return false;
    }
  }
  if (!has_kernel(p.first) || (p.last != Activation::kNone && p.last != Activation::kSilu)) {
    return false;
  }
  for (const Tensor* t : {&p.weight, &p.bias}) {
    if (t->defined() && !matches(*t, x)) return false;
  }
  for (const Tensor* t : {&p.gate, &p.scale, &p.shift}) {
    if (t->defined() && !broadcasts(*t, x)) return false;
  }
  return p.scale.defined() == p.shift.defined() && kernels::row_pass_supported(shape_of(x));
}

Tensor row_pass(const RowPassProblem& problem) {
  const RowPass& p = problem.p;
  const DeviceGuard guard(p.x.device());
  kernels::RowPass pass = inputs_of(p);
  const Tensor weight = p.weight.defined() ? pack(p.weight) : p.weight;
  const Tensor bias = p.bias.defined() ? pack(p.bias) : p.bias;
  if (weight.defined()) pass.weight = weight.const_data_ptr();
  if (bias.defined()) pass.bias = bias.const_data_ptr();

  Tensor values;
  if (is_sum(p)) {
    problem.sum = at::empty(p.x.sizes(), p.x.options());
    pass.sum = row_target(problem.sum);
  }
  if (ends_with_sum(p)) {
    values = problem.sum;
  } else if (p.format == RowFormat::kPlain) {
    values = at::empty(p.x.sizes(), p.x.options());
    pass.out = row_target(values);
  } else {
    values = at::empty(p.x.sizes(), p.x.options().dtype(at::kFloat8_e4m3fn));
    problem.row_scale =
        at::empty(p.x.sizes().slice(0, p.x.dim() - 1), p.x.options().dtype(at::kFloat));
    pass.fp8 = static_cast<unsigned char*>(values.data_ptr());
    pass.fp8_scale = problem.row_scale.data_ptr<float>();
  }
  check(kernels::row_pass(pass, current_stream()), "row_pass");
  return values;
}

}  // namespace zoetrope::ops::cuda
