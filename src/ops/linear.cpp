#include "ops/linear.h"

#include <ATen/ATen.h>
#include <ATen/core/List.h>
#include <ATen/core/dispatch/Dispatcher.h>

#include "kernels/common/cpu_features.h"
#include "ops/ladder.h"
#include "ops/problems.h"

namespace zoetrope::ops {

bool LinearProblem::grad() const {
  return needs_grad({&x, &w.weight, &w.bias, &fusion.norm_weight, &fusion.norm_bias,
                     &fusion.position, &fusion.residual});
}

namespace {

// The surroundings of `product` as operations of their own.
template <at::Tensor (*product)(const at::Tensor&, const LinearWeight&)>
at::Tensor composed(const LinearProblem& p) {
  const LinearFusion& f = p.fusion;
  at::Tensor x = p.x;
  if (f.norm_weight.defined()) x = layer_norm(x, f.norm_weight, f.norm_bias, f.norm_eps);
  if (f.position.defined()) {
    const at::Tensor rows = x.reshape({-1, f.position.size(0), f.position_repeat, x.size(-1)});
    x = (rows + f.position.unsqueeze(1)).view(x.sizes());
  }
  at::Tensor y = product(x, p.w);
  if (p.w.gated) y = geglu(y);
  return f.residual.defined() ? f.residual + y : y;
}

// As a matrix: with more dimensions at::linear may add the bias in a pass of its own.
at::Tensor product_aten(const at::Tensor& x, const LinearWeight& w) {
  if (x.dim() <= 2 || !x.is_contiguous()) return at::linear(x, w.weight, w.bias);
  auto sizes = x.sizes().vec();
  sizes.back() = w.weight.size(0);
  return at::linear(x.flatten(0, -2), w.weight, w.bias).view(sizes);
}

// at::linear adds the bias in bf16 by writing it into the result first, a tenth slower than
// oneDNN's own bias; and in fp32 it calls MKL, which is slow on AMD processors.
at::Tensor product_onednn(const at::Tensor& x, const LinearWeight& w) {
  using Scalars = c10::List<std::optional<at::Scalar>>;
  using Signature =
      at::Tensor(const at::Tensor&, const at::Tensor&, const std::optional<at::Tensor>&,
                 std::string_view, Scalars, std::optional<std::string_view>);
  static const auto run = c10::Dispatcher::singleton()
                              .findSchemaOrThrow("mkldnn::_linear_pointwise", "")
                              .typed<Signature>();
  std::optional<at::Tensor> bias;
  if (w.bias.defined()) bias = w.bias;
  return run.call(x, w.weight, bias, "none", Scalars(), "");
}

bool suits_onednn(const LinearProblem& p) {
  const at::ScalarType dtype = p.x.scalar_type();
  return !p.grad() && p.x.is_cpu() && (dtype == at::kBFloat16 || dtype == at::kFloat) &&
         p.x.is_contiguous() && p.x.numel() > 0 && p.w.weight.is_contiguous() &&
         at::globalContext().userEnabledMkldnn() &&
         (dtype == at::kFloat || kernels::has_avx512_bf16());
}

bool on_cpu_without_grad(const LinearProblem& p) { return p.x.is_cpu() && !p.grad(); }

Ladder<LinearProblem> linear_ladder("linear",
                                    {{"avx512", avx512::supports, avx512::linear},
                                     {"onednn", suits_onednn, composed<product_onednn>},
                                     {"aten", always, composed<product_aten>},
                                     {"reference", on_cpu_without_grad, reference::linear}});

}  // namespace

LinearWeight prepare_linear(const at::Tensor& weight, const at::Tensor& bias, bool gated) {
  LinearWeight w{weight, bias, gated, {}};
  w.packed = avx512::packed(w);
  return w;
}

at::Tensor linear(const at::Tensor& x, const LinearWeight& weight, const LinearFusion& fusion) {
  return linear_ladder({x, weight, fusion});
}

}  // namespace zoetrope::ops
