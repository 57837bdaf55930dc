#include <ATen/ATen.h>

#include "kernels/frame_stack/frame_stack.h"
#include "ops/cuda_support.cuh"
#include "ops/problems.h"

namespace zoetrope::ops::cuda {
namespace {

kernels::FrameStackShape stack_shape(const CausalConvProblem& p) {
  return {p.x.size(0),
          p.x.size(1),
          p.x.size(2) * p.x.size(3),
          static_cast<int>(p.x.size(4)),
          static_cast<int>(p.w.weight.size(2)),
          dtype_of(p.x)};
}

}  // namespace

bool supports(const CausalConvProblem& p) {
  const at::Tensor& gamma = p.fusion.norm_weight;
  return on_gpu(p.x) && has_kernel_dtype(p.x) && p.w.stacked.weight.defined() && packed(p.x) &&
         !p.grad() && (!p.before.defined() || packed(p.before)) &&
         (!gamma.defined() || (matches(gamma, p.x) && aligned(gamma))) &&
         kernels::frame_stack_supported(stack_shape(p));
}

at::Tensor causal_conv(const CausalConvProblem& p) {
  const DeviceGuard guard(p.x.device());
  const kernels::FrameStackShape s = stack_shape(p);
  const at::Tensor& x = p.x;
  const at::Tensor stacked =
      at::empty({s.clips * s.frames, x.size(2), x.size(3), s.taps * s.channels}, x.options());
  at::Tensor after =
      at::empty({s.clips, s.taps - 1, x.size(2), x.size(3), s.channels}, x.options());
  const auto pointer = [](const at::Tensor& t) {
    return t.defined() ? t.const_data_ptr() : nullptr;
  };
  check(kernels::frame_stack(
            {s, pointer(x), pointer(p.before), pointer(p.fusion.norm_weight),
             static_cast<float>(p.fusion.norm_eps), stacked.data_ptr(), after.data_ptr()},
            current_stream()),
        "frame_stack");
  p.before = after;
  const at::Tensor residual =
      p.fusion.residual.defined() ? p.fusion.residual.flatten(0, 1) : at::Tensor();
  return conv2d(stacked, p.w.stacked, residual).unflatten(0, {s.clips, s.frames});
}

}  // namespace zoetrope::ops::cuda
