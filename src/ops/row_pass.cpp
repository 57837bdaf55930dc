#include "ops/row_pass.h"

#include <ATen/ATen.h>

#include "ops/ladder.h"
#include "ops/quantise.h"
#include "ops/row_pass_problem.h"

namespace zoetrope::ops {

bool RowPassProblem::grad() const {
  return needs_grad({&p.x, &p.y, &p.gate, &p.weight, &p.bias, &p.scale, &p.shift});
}

namespace {

using at::Tensor;

// fp32, or fp64 where x is.
Tensor widen(const Tensor& x) { return x.scalar_type() == at::kDouble ? x : x.to(at::kFloat); }

Tensor source_of(const RowPass& p) {
  switch (p.source) {
    case RowSource::kSingle:
      return activate(p.x, p.first);
    case RowSource::kProduct:
      return activate(p.x, p.first) * p.y;
    case RowSource::kSum:
      if (!p.gate.defined()) return p.x + p.y;
      if (p.gate.scalar_type() == p.x.scalar_type()) return at::addcmul(p.x, p.gate, p.y);
      return (widen(p.x) + p.gate * widen(p.y)).to(p.x.scalar_type());
  }
  return p.x;
}

Tensor normalised(const Tensor& x, const RowPass& p) {
  const int64_t channels = x.size(-1);
  if (p.norm == NormKind::kLayer && !p.scale.defined()) {
    return at::layer_norm(x, {channels}, p.weight, p.bias, p.eps);
  }
  Tensor y = widen(x);
  if (p.norm == NormKind::kLayer) y = at::layer_norm(y, {channels}, {}, {}, p.eps);
  if (p.norm == NormKind::kRms) y = y * at::rsqrt(y.square().mean(-1, true) + p.eps);
  if (p.norm == NormKind::kRms || p.scale.defined()) {
    if (p.weight.defined()) y = y * p.weight;
    if (p.bias.defined()) y = y + p.bias;
  }
  if (p.scale.defined()) y = y * (1 + p.scale) + p.shift;
  return y.to(x.scalar_type());
}

Rows quantised(const Tensor& x) {
  const Tensor wide = x.to(at::kFloat);
  const Tensor scale = at::clamp_min(wide.abs().amax(-1, true) / kLargestFp8, kSmallestScale);
  const Tensor values = (wide * scale.reciprocal()).clamp(-kLargestFp8, kLargestFp8);
  return {values.to(at::kFloat8_e4m3fn), scale.squeeze(-1)};
}

Tensor row_pass_aten(const RowPassProblem& problem) {
  const RowPass& p = problem.p;
  Tensor x = source_of(p);
  if (p.source == RowSource::kSum) problem.sum = x;
  if (p.norm != NormKind::kNone || p.scale.defined()) x = normalised(x, p);
  x = activate(x, p.last);
  if (p.format == RowFormat::kPlain) return x;
  Rows rows = quantised(x);
  problem.row_scale = rows.scale;
  return rows.values;
}

bool plain_on_cpu_without_grad(const RowPassProblem& problem) {
  return problem.p.x.is_cpu() && problem.p.format == RowFormat::kPlain && !problem.grad();
}

Ladder<RowPassProblem> row_pass_ladder("row_pass", {{"cuda", cuda::supports, cuda::row_pass},
                                                    {"aten", always, row_pass_aten},
                                                    {"reference", plain_on_cpu_without_grad,
                                                     reference::row_pass}});

}  // namespace

RowPassResult row_pass(const RowPass& pass) {
  Tensor row_scale, sum;
  const Tensor values = row_pass_ladder({pass, row_scale, sum});
  if (pass.format == RowFormat::kPlain) return {Rows(values), sum};
  return {Rows(values, row_scale), sum};
}

Tensor gated_add(const Tensor& x, const Tensor& gate, const Tensor& y) {
  RowPass pass;
  pass.source = RowSource::kSum;
  pass.x = x;
  pass.y = y;
  pass.gate = gate;
  return row_pass(pass).rows.values;
}

}  // namespace zoetrope::ops
