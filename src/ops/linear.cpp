#include "ops/linear.h"

#include <ATen/ATen.h>
#include <ATen/core/List.h>
#include <ATen/core/dispatch/Dispatcher.h>

#include "kernels/common/cpu_features.h"
#include "ops/ladder.h"
#include "ops/problems.h"

namespace zoetrope::ops {

bool LinearProblem::grad() const { return needs_grad({&x, &weight, &bias}); }

namespace {

// As a matrix: with more dimensions at::linear may add the bias in a pass of its own.
at::Tensor linear_aten(const LinearProblem& p) {
  if (p.x.dim() <= 2 || !p.x.is_contiguous()) return at::linear(p.x, p.weight, p.bias);
  auto sizes = p.x.sizes().vec();
  sizes.back() = p.weight.size(0);
  return at::linear(p.x.flatten(0, -2), p.weight, p.bias).view(sizes);
}

// at::linear adds the bias in bf16 by writing it into the result first, a tenth slower than
// oneDNN's own bias; and in fp32 it calls MKL, which is slow on AMD processors.
at::Tensor linear_onednn(const LinearProblem& p) {
  using Scalars = c10::List<std::optional<at::Scalar>>;
  using Signature =
      at::Tensor(const at::Tensor&, const at::Tensor&, const std::optional<at::Tensor>&,
                 std::string_view, Scalars, std::optional<std::string_view>);
  static const auto run = c10::Dispatcher::singleton()
                              .findSchemaOrThrow("mkldnn::_linear_pointwise", "")
                              .typed<Signature>();
  std::optional<at::Tensor> bias;
  if (p.bias.defined()) bias = p.bias;
  return run.call(p.x, p.weight, bias, "none", Scalars(), "");
}

bool suits_onednn(const LinearProblem& p) {
  const at::ScalarType dtype = p.x.scalar_type();
  return !p.grad() && p.x.is_cpu() && (dtype == at::kBFloat16 || dtype == at::kFloat) &&
         p.x.is_contiguous() && p.x.numel() > 0 && p.weight.is_contiguous() &&
         at::globalContext().userEnabledMkldnn() &&
         (dtype == at::kFloat || kernels::has_avx512_bf16());
}

bool on_cpu_without_grad(const LinearProblem& p) { return p.x.is_cpu() && !p.grad(); }

Ladder<LinearProblem> linear_ladder("linear",
                                    {{"onednn", suits_onednn, linear_onednn},
                                     {"aten", always, linear_aten},
                                     {"reference", on_cpu_without_grad, reference::linear}});

}  // namespace

at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  return linear_ladder({x, weight, bias});
}

}  // namespace zoetrope::ops
