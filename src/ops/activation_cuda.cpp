#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include "kernels/geglu/geglu.h"
#include "ops/cuda_support.cuh"
#include "ops/problems.h"

namespace zoetrope::ops::cuda {
namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

kernels::GegluShape shape_of(const Tensor& x) {
  const int64_t c = x.size(-1) / 2;
  return {c == 0 ? 0 : x.numel() / (2 * c), c, dtype_of(x)};
}

Tensor forward_pass(const Tensor& x) {
  const DeviceGuard guard(x.device());
  auto sizes = x.sizes().vec();
  sizes.back() /= 2;
  const Tensor y = at::empty(sizes, x.options());
  check(kernels::geglu_forward(shape_of(x), x.const_data_ptr(), y.data_ptr(), current_stream()),
        "geglu_forward");
  return y;
}

struct GegluFunction : torch::autograd::Function<GegluFunction> {
  static Tensor forward(AutogradContext* context, const Tensor& x) {
    context->save_for_backward({x});
    return forward_pass(x);
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const Tensor x = context->get_saved_variables()[0];
    const DeviceGuard guard(x.device());
    const Tensor dy = pack(grads[0]), dx = at::empty_like(x);
    check(kernels::geglu_backward(shape_of(x), x.const_data_ptr(), dy.const_data_ptr(),
                                  dx.data_ptr(), current_stream()),
          "geglu_backward");
    return {dx};
  }
};

}  // namespace

bool supports(const GegluProblem& problem) {
  const Tensor& x = problem.x;
  return on_gpu(x) && x.dim() >= 1 && x.size(-1) % 2 == 0 && has_kernel_dtype(x) && packed(x) &&
         kernels::geglu_supported(shape_of(x));
}

Tensor geglu(const GegluProblem& problem) {
  return problem.grad() ? GegluFunction::apply(problem.x) : forward_pass(problem.x);
}

}  // namespace zoetrope::ops::cuda
