#include "ops/activation.h"

#include <ATen/ATen.h>

#include <string>

#include "base/status.h"
#include "ops/ladder.h"
#include "ops/problems.h"
#include "ops/row_pass.h"

namespace zoetrope::ops {

Activation parse_activation(std::string_view name) {
  if (name == "silu" || name == "swish") return Activation::kSilu;
  if (name == "gelu") return Activation::kGelu;
  if (name == "quick_gelu") return Activation::kQuickGelu;
  if (name == "gelu_new" || name == "gelu_pytorch_tanh" || name == "gelu-approximate") {
    return Activation::kGeluTanh;
  }
  throw base::Error(base::StatusCode::kUnimplemented,
                    "unknown activation '" + std::string(name) + "'");
}

at::Tensor activate(const at::Tensor& x, Activation activation) {
  switch (activation) {
    case Activation::kNone:
      return x;
    case Activation::kSilu:
      return at::silu(x);
    case Activation::kGelu:
      return at::gelu(x);
    case Activation::kQuickGelu:
      return x * at::sigmoid(1.702 * x);
    case Activation::kGeluTanh:
      return at::gelu(x, "tanh");
  }
  return x;
}

Rows activate(const at::Tensor& x, Activation activation, RowFormat format) {
  RowPass pass;
  pass.x = x;
  pass.first = activation;
  pass.format = format;
  return row_pass(pass).rows;
}

Rows swiglu(const at::Tensor& x, RowFormat format) {
  const auto halves = (x.dim() == 2 ? x.unsqueeze(0) : x).chunk(2, -1);
  RowPass pass;
  pass.source = RowSource::kProduct;
  pass.x = halves[0];
  pass.y = halves[1];
  pass.first = Activation::kSilu;
  pass.format = format;
  Rows y = row_pass(pass).rows;
  if (x.dim() != 2) return y;
  y.values = y.values.squeeze(0);
  if (y.scale.defined()) y.scale = y.scale.squeeze(0);
  return y;
}

bool GegluProblem::grad() const { return needs_grad({&x}); }

namespace {

at::Tensor geglu_aten(const GegluProblem& problem) {
  const auto halves = problem.x.chunk(2, -1);
  return halves[0] * at::gelu(halves[1]);
}

bool on_cpu_without_grad(const GegluProblem& problem) {
  return problem.x.is_cpu() && !problem.grad();
}

Ladder<GegluProblem> geglu_ladder("geglu", {{"cuda", cuda::supports, cuda::geglu},
                                            {"avx512", avx512::supports, avx512::geglu},
                                            {"aten", always, geglu_aten},
                                            {"reference", on_cpu_without_grad, reference::geglu}});

}  // namespace

at::Tensor geglu(const at::Tensor& x) { return geglu_ladder({x}); }

}  // namespace zoetrope::ops
