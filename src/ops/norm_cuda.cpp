#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <optional>

#include "kernels/group_norm/group_norm.h"
#include "kernels/layer_norm/layer_norm.h"
#include "ops/cuda_support.cuh"
#include "ops/problems.h"

namespace zoetrope::ops::cuda {
namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

kernels::GroupNormShape shape_of(const Tensor& x, int64_t groups) {
  const int64_t n = x.size(0), c = x.size(-1);
  return {n, n * c == 0 ? 0 : x.numel() / (n * c), static_cast<int>(c), static_cast<int>(groups),
          dtype_of(x)};
}

kernels::LayerNormShape layer_shape_of(const Tensor& x) {
  const int64_t c = x.size(-1);
  return {c == 0 ? 0 : x.numel() / c, static_cast<int>(c), dtype_of(x)};
}

kernels::GroupNormAffine affine_of(const Tensor& weight, const Tensor& bias, const Tensor& scale,
                                   const Tensor& shift, double eps, bool silu) {
  kernels::GroupNormAffine affine{weight.const_data_ptr(), bias.const_data_ptr()};
  if (scale.defined()) {
    affine.scale = scale.const_data_ptr();
    affine.shift = shift.const_data_ptr();
    affine.modulation_stride = scale.stride(0);
  }
  affine.eps = static_cast<float>(eps);
  affine.silu = silu;
  return affine;
}

struct Normalised {
  Tensor y, mean, rstd;
};

Normalised group_norm_forward(const Tensor& x, int64_t groups,
                              const kernels::GroupNormAffine& affine) {
  const DeviceGuard guard(x.device());
  const auto shape = shape_of(x, groups);
  const Normalised out{at::empty_like(x), floats(shape.n * groups, x), floats(shape.n * groups, x)};
  const Tensor workspace = floats(kernels::group_norm_workspace(shape), x);
  check(kernels::group_norm_forward(
            {shape, affine, x.const_data_ptr(), out.y.data_ptr(), out.mean.data_ptr<float>(),
             out.rstd.data_ptr<float>(), workspace.data_ptr<float>()},
            current_stream()),
        "group_norm_forward");
  return out;
}

// Torch's Function takes absent tensors as optionals only.
using Optional = std::optional<Tensor>;
Optional present(const Tensor& t) { return t.defined() ? Optional(t) : std::nullopt; }

struct GroupNormFunction : torch::autograd::Function<GroupNormFunction> {
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& weight,
                        const Tensor& bias, const Optional& optional_scale,
                        const Optional& optional_shift, int64_t groups, double eps, bool silu) {
    const Tensor w = pack(weight), b = pack(bias);
    const Tensor scale = optional_scale.value_or(Tensor());
    const Tensor shift = optional_shift.value_or(Tensor());
    const Normalised out = group_norm_forward(x, groups, affine_of(w, b, scale, shift, eps, silu));
    context->save_for_backward({x, w, b, scale, shift, out.mean, out.rstd});
    context->saved_data["groups"] = groups;
    context->saved_data["eps"] = eps;
    context->saved_data["silu"] = silu;
    return out.y;
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const variable_list saved = context->get_saved_variables();
    const Tensor &x = saved[0], &weight = saved[1], &bias = saved[2], &scale = saved[3];
    const DeviceGuard guard(x.device());
    const auto shape = shape_of(x, context->saved_data["groups"].toInt());
    const Tensor dy = pack(grads[0]);
    const Tensor dx = at::empty_like(x), dweight = at::empty_like(weight);
    const Tensor dbias = at::empty_like(bias);
    Tensor dscale, dshift;
    if (scale.defined()) {
      dscale = at::empty(scale.sizes(), scale.options());
      dshift = at::empty(scale.sizes(), scale.options());
    }
    const Tensor workspace = floats(kernels::group_norm_workspace(shape), x);
    kernels::GroupNormBackward p{
        shape,
        affine_of(weight, bias, scale, saved[4], context->saved_data["eps"].toDouble(),
                  context->saved_data["silu"].toBool()),
        x.const_data_ptr(),
        dy.const_data_ptr(),
        saved[5].const_data_ptr<float>(),
        saved[6].const_data_ptr<float>(),
        dx.data_ptr(),
        dweight.data_ptr(),
        dbias.data_ptr(),
        scale.defined() ? dscale.data_ptr() : nullptr,
        scale.defined() ? dshift.data_ptr() : nullptr,
        workspace.data_ptr<float>()};
    check(kernels::group_norm_backward(p, current_stream()), "group_norm_backward");
    return {dx, dweight, dbias, dscale, dshift, Tensor(), Tensor(), Tensor()};
  }
};

Normalised layer_norm_forward(const Tensor& x, const Tensor& weight, const Tensor& bias,
                              double eps) {
  const DeviceGuard guard(x.device());
  const auto shape = layer_shape_of(x);
  const Normalised out{at::empty_like(x), floats(shape.rows, x), floats(shape.rows, x)};
  check(
      kernels::layer_norm_forward({shape, static_cast<float>(eps), x.const_data_ptr(),
                                   weight.const_data_ptr(), bias.const_data_ptr(), out.y.data_ptr(),
                                   out.mean.data_ptr<float>(), out.rstd.data_ptr<float>()},
                                  current_stream()),
      "layer_norm_forward");
  return out;
}

struct LayerNormFunction : torch::autograd::Function<LayerNormFunction> {
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& weight,
                        const Tensor& bias, double eps) {
    const Tensor w = pack(weight);
    const Normalised out = layer_norm_forward(x, w, pack(bias), eps);
    context->save_for_backward({x, w, out.mean, out.rstd});
    return out.y;
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const variable_list saved = context->get_saved_variables();
    const Tensor &x = saved[0], &weight = saved[1];
    const DeviceGuard guard(x.device());
    const auto shape = layer_shape_of(x);
    const Tensor dy = pack(grads[0]);
    const Tensor dx = at::empty_like(x), dweight = at::empty_like(weight);
    const Tensor dbias = at::empty_like(weight);
    const Tensor workspace = floats(kernels::layer_norm_workspace(shape), x);
    check(kernels::layer_norm_backward(
              {shape, x.const_data_ptr(), dy.const_data_ptr(), weight.const_data_ptr(),
               saved[2].const_data_ptr<float>(), saved[3].const_data_ptr<float>(), dx.data_ptr(),
               dweight.data_ptr(), dbias.data_ptr(), workspace.data_ptr<float>()},
              current_stream()),
          "layer_norm_backward");
    return {dx, dweight, dbias, Tensor()};
  }
};

// [n, c], neighbouring channels adjacent; rows may be slices of something wider.
bool is_modulation(const Tensor& t, const Tensor& x) {
  return t.dim() == 2 && t.size(0) == x.size(0) && t.size(1) == x.size(-1) && t.stride(1) == 1 &&
         t.scalar_type() == x.scalar_type() && t.device() == x.device();
}

}  // namespace

bool supports(const GroupNormProblem& problem) {
  const GroupNormParameters& p = problem.p;
  const Tensor& x = problem.x;
  if (!on_gpu(x) || x.dim() < 2 || !has_kernel_dtype(x) || !packed(x)) return false;
  if (p.activation != Activation::kNone && p.activation != Activation::kSilu) return false;
  if (!matches(p.weight, x) || !matches(p.bias, x)) return false;
  if (p.scale.defined() && (!is_modulation(p.scale, x) || !is_modulation(p.shift, x) ||
                            p.scale.stride(0) != p.shift.stride(0))) {
    return false;
  }
  return kernels::group_norm_supported(shape_of(x, p.groups));
}

Tensor group_norm(const GroupNormProblem& problem) {
  const GroupNormParameters& p = problem.p;
  const bool silu = p.activation == Activation::kSilu;
  if (problem.grad()) {
    return GroupNormFunction::apply(problem.x, p.weight, p.bias, present(p.scale), present(p.shift),
                                    p.groups, p.eps, silu);
  }
  const Tensor weight = pack(p.weight), bias = pack(p.bias);
  return group_norm_forward(problem.x, p.groups,
                            affine_of(weight, bias, p.scale, p.shift, p.eps, silu))
      .y;
}

bool supports(const LayerNormProblem& problem) {
  const Tensor& x = problem.x;
  return on_gpu(x) && x.dim() >= 1 && has_kernel_dtype(x) && packed(x) &&
         matches(problem.weight, x) && matches(problem.bias, x) &&
         kernels::layer_norm_supported(layer_shape_of(x));
}

Tensor layer_norm(const LayerNormProblem& problem) {
  if (problem.grad()) {
    return LayerNormFunction::apply(problem.x, problem.weight, problem.bias, problem.eps);
  }
  return layer_norm_forward(problem.x, pack(problem.weight), pack(problem.bias), problem.eps).y;
}

}  // namespace zoetrope::ops::cuda
