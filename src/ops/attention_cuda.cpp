#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cmath>

#include "kernels/temporal_attention/temporal_attention.h"
#include "ops/cuda_support.cuh"
#include "ops/problems.h"

namespace zoetrope::ops::cuda {
namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

kernels::TemporalAttentionShape shape_of(const Tensor& q) {
  return {q.size(0),
          q.size(2),
          static_cast<int>(q.size(1)),
          static_cast<int>(q.size(3)),
          static_cast<int>(q.size(4)),
          dtype_of(q)};
}

kernels::TemporalStrides strides_of(const Tensor& t) {
  return {t.stride(0), t.stride(1), t.stride(2), t.stride(3)};
}

float scale_of(const Tensor& q) { return 1.0f / std::sqrt(static_cast<float>(q.size(4))); }

Tensor forward_pass(const Tensor& q, const Tensor& k, const Tensor& v) {
  const DeviceGuard guard(q.device());
  const Tensor out = at::empty(q.sizes(), q.options());
  check(kernels::temporal_attention_forward(
            {shape_of(q), scale_of(q), q.const_data_ptr(), k.const_data_ptr(), v.const_data_ptr(),
             strides_of(q), out.data_ptr(), strides_of(out)},
            current_stream()),
        "temporal_attention_forward");
  return out;
}

// The three gradients in one tensor [b, f, p, 3, heads, d].
Tensor fused_gradient(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& grad) {
  const DeviceGuard guard(q.device());
  const Tensor dout = pack(grad);
  const Tensor fused =
      at::empty({q.size(0), q.size(1), q.size(2), 3, q.size(3), q.size(4)}, q.options());
  const Tensor dq = fused.select(3, 0), dk = fused.select(3, 1), dv = fused.select(3, 2);
  check(kernels::temporal_attention_backward(
            {shape_of(q), scale_of(q), q.const_data_ptr(), k.const_data_ptr(), v.const_data_ptr(),
             strides_of(q), dout.const_data_ptr(), strides_of(dout), dq.data_ptr(), dk.data_ptr(),
             dv.data_ptr(), strides_of(dq)},
            current_stream()),
        "temporal_attention_backward");
  return fused;
}

struct SeparateFunction : torch::autograd::Function<SeparateFunction> {
  static Tensor forward(AutogradContext* context, const Tensor& q, const Tensor& k,
                        const Tensor& v) {
    context->save_for_backward({q, k, v});
    return forward_pass(q, k, v);
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const variable_list saved = context->get_saved_variables();
    return fused_gradient(saved[0], saved[1], saved[2], grads[0]).unbind(3);
  }
};

struct FusedFunction : torch::autograd::Function<FusedFunction> {
  static Tensor forward(AutogradContext* context, const Tensor& qkv) {
    context->save_for_backward({qkv});
    return forward_pass(qkv.select(3, 0), qkv.select(3, 1), qkv.select(3, 2));
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const variable_list parts = context->get_saved_variables()[0].unbind(3);
    return {fused_gradient(parts[0], parts[1], parts[2], grads[0])};
  }
};

// Rows of whole vectors on 16-byte boundaries.
bool has_vector_rows(const Tensor& t) {
  if (t.stride(4) != 1 || !aligned(t)) return false;
  const int64_t width = kernels::vector_width(dtype_of(t));
  return t.stride(0) % width == 0 && t.stride(1) % width == 0 && t.stride(2) % width == 0 &&
         t.stride(3) % width == 0;
}

}  // namespace

bool supports(const TemporalAttentionProblem& p) {
  if (!on_gpu(p.q) || p.q.dim() != 5 || !has_kernel_dtype(p.q)) return false;
  for (const Tensor* t : {&p.k, &p.v}) {
    if (t->sizes() != p.q.sizes() || t->strides() != p.q.strides() ||
        t->scalar_type() != p.q.scalar_type() || t->device() != p.q.device() || !aligned(*t)) {
      return false;
    }
  }
  return has_vector_rows(p.q) && kernels::temporal_attention_supported(shape_of(p.q));
}

Tensor temporal_attention(const TemporalAttentionProblem& p) {
  if (!p.grad()) return forward_pass(p.q, p.k, p.v);
  return p.qkv.defined() ? FusedFunction::apply(p.qkv) : SeparateFunction::apply(p.q, p.k, p.v);
}

}  // namespace zoetrope::ops::cuda
