#include "ops/linear.h"

#include <ATen/ATen.h>
#include <ATen/core/List.h>
#include <ATen/core/dispatch/Dispatcher.h>

#include "base/status.h"
#include "kernels/common/cpu_features.h"
#include "ops/ladder.h"
#include "ops/problems.h"
#include "ops/quantise.h"
#include "ops/quantised_weight.h"

namespace zoetrope::ops {

bool LinearProblem::grad() const {
  return needs_grad({&x, &w.weight, &w.bias, &fusion.norm_weight, &fusion.norm_bias,
                     &fusion.position, &fusion.residual});
}

namespace {

// What the product reads.
at::Tensor normed(const LinearProblem& p) {
  const LinearFusion& f = p.fusion;
  at::Tensor x = p.x;
  if (f.norm_weight.defined()) x = layer_norm(x, f.norm_weight, f.norm_bias, f.norm_eps);
  if (f.position.defined()) {
    const at::Tensor rows = x.reshape({-1, f.position.size(0), f.position_repeat, x.size(-1)});
    x = (rows + f.position.unsqueeze(1)).view(x.sizes());
  }
  return x;
}

// What follows the product, as operations of their own.
at::Tensor finished(const LinearProblem& p, const at::Tensor& product) {
  const LinearFusion& f = p.fusion;
  at::Tensor y = p.w.gated ? geglu(product) : product;
  y = activate(y, f.activation);
  if (f.residual.defined()) y = f.residual + y;
  return f.out.defined() ? f.out.copy_(y) : y;
}

template <at::Tensor (*product)(const at::Tensor&, const LinearWeight&)>
at::Tensor composed(const LinearProblem& p) {
  return finished(p, product(normed(p), p.w));
}

bool is_plain(const LinearProblem& p) { return p.w.format == WeightFormat::kPlain; }

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
  return is_plain(p) && !p.grad() && p.x.is_cpu() &&
         (dtype == at::kBFloat16 || dtype == at::kFloat) && p.x.is_contiguous() &&
         p.x.numel() > 0 && p.w.weight.is_contiguous() && at::globalContext().userEnabledMkldnn() &&
         (dtype == at::kFloat || kernels::has_avx512_bf16());
}

// at::_scaled_mm adds no bias but in bf16, and reads matrices only. Meta tensors stand for a GPU's.
bool suits_scaled_mm(const LinearProblem& p) {
  return p.w.format == WeightFormat::kFp8 && (p.x.is_cuda() || p.x.is_meta()) && !p.grad() &&
         p.w.dtype == at::kBFloat16 && p.x.size(-1) % 16 == 0 && p.w.weight.size(0) % 16 == 0;
}

at::Tensor scaled_mm(const LinearProblem& p) {
  auto sizes = p.x.sizes().vec();
  sizes.back() = p.w.weight.size(0);
  if (p.x.is_meta()) return finished(p, at::empty(sizes, p.x.options().dtype(at::kBFloat16)));
  std::optional<at::Tensor> bias;
  if (p.w.bias.defined()) bias = p.w.bias;
  const at::Tensor y =
      at::_scaled_mm(p.x.reshape({-1, p.x.size(-1)}).contiguous(), p.w.weight.t(),
                     p.row_scale.reshape({-1, 1}).contiguous(), p.w.scale.unsqueeze(0), bias, {},
                     at::kBFloat16, p.w.fast_accumulation);
  return finished(p, y.view(sizes));
}

at::Tensor product_cublaslt(const LinearProblem& p);

at::Tensor plain_product(const LinearProblem& p) {
  if (cublaslt::supports(p)) return product_cublaslt(p);
  return suits_onednn(p) ? composed<product_onednn>(p) : composed<product_aten>(p);
}

// Quantised weights without a kernel of their own. fp8 rows are multiplied as the hardware would:
// exact products of the codes, sums in fp32, scales behind.
at::Tensor product_fp8(const LinearProblem& p) {
  LinearWeight codes;
  codes.weight = p.w.weight.to(at::kFloat);
  const at::Tensor sums = plain_product({p.x.to(at::kFloat), {}, codes, {}});
  at::Tensor y = sums * p.row_scale.unsqueeze(-1) * p.w.scale;
  if (p.w.bias.defined()) y = y + p.w.bias;
  return finished(p, y.to(p.w.dtype));
}

at::Tensor dequantised(const LinearProblem& p) {
  if (p.w.format == WeightFormat::kFp8) return product_fp8(p);
  LinearWeight plain;
  plain.weight = dequantise(p.w, p.w.dtype);
  plain.bias = p.w.bias;
  plain.gated = p.w.gated;
  return plain_product({p.x, p.row_scale, plain, p.fusion});
}

// GEGLU is no part of cuBLASLt's pass, and neither is a norm.
at::Tensor product_cublaslt(const LinearProblem& p) {
  const at::Tensor x = normed(p);
  LinearFusion behind;
  if (!p.w.gated) {
    behind.activation = p.fusion.activation;
    behind.residual = p.fusion.residual;
    behind.out = p.fusion.out;
  }
  const at::Tensor y = cublaslt::linear({x, p.row_scale, p.w, behind});
  if (y.defined()) return p.w.gated ? finished(p, y) : y;
  if (is_plain(p)) return composed<product_aten>(p);
  return suits_scaled_mm(p) ? scaled_mm(p) : dequantised(p);
}

bool is_quantised(const LinearProblem& p) { return !is_plain(p); }

bool on_cpu_without_grad(const LinearProblem& p) { return p.x.is_cpu() && !p.grad(); }

Ladder<LinearProblem> linear_ladder("linear",
                                    {{"avx512", avx512::supports, avx512::linear},
                                     {"cublaslt", cublaslt::supports, product_cublaslt},
                                     {"onednn", suits_onednn, composed<product_onednn>},
                                     {"aten", is_plain, composed<product_aten>},
                                     {"scaled_mm", suits_scaled_mm, scaled_mm},
                                     {"dequantised", is_quantised, dequantised},
                                     {"reference", on_cpu_without_grad, reference::linear}});

}  // namespace

LinearWeight prepare_linear(const at::Tensor& weight, const at::Tensor& bias, bool gated) {
  LinearWeight w;
  w.weight = weight;
  w.bias = bias;
  w.gated = gated;
  w.packed = avx512::packed(w);
  return w;
}

at::Tensor linear(const Rows& x, const LinearWeight& weight, const LinearFusion& fusion) {
  if (x.format() == weight.row_format()) {
    return linear_ladder({x.values, x.scale, weight, fusion});
  }
  base::require(x.format() == RowFormat::kPlain, "quantised rows for a weight that is not fp8");
  const Rows rows = quantise_rows(normed({x.values, x.scale, weight, fusion}));
  LinearFusion behind = fusion;
  behind.norm_weight = behind.norm_bias = behind.position = at::Tensor();
  return linear_ladder({rows.values, rows.scale, weight, behind});
}

}  // namespace zoetrope::ops
