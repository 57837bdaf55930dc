#include "ops/experts.h"

#include <ATen/ATen.h>

#include <vector>

#include "base/status.h"
#include "ops/experts_problem.h"
#include "ops/ladder.h"
#include "tensor/dry_run.h"

namespace zoetrope::ops {

using at::Tensor;

bool GroupedLinearProblem::grad() const { return needs_grad({&x.values, &w.weight}); }
bool GatherSumProblem::grad() const { return needs_grad({&rows, &weight, &base}); }

namespace {

// One product a group; the host asks the device for their sizes.
Tensor grouped_linear_aten(const GroupedLinearProblem& p) {
  const std::vector<int64_t> ends = tensor::to_numbers(p.ends.to(at::kLong), p.x.values.size(0));
  // fp8 as the hardware: exact products of the codes, sums in fp32, scales behind.
  const bool fp8 = p.w.row_format() == RowFormat::kFp8;
  const Tensor x = fp8 ? p.x.values.to(at::kFloat) : p.x.values;
  std::vector<Tensor> parts;
  int64_t begin = 0;
  for (int64_t group = 0; group < p.w.weight.size(0); ++group) {
    const int64_t end = ends[static_cast<size_t>(group)];
    if (end > begin) {
      const Tensor weight = p.w.weight.select(0, group).to(x.scalar_type());
      Tensor y = at::linear(x.narrow(0, begin, end - begin), weight);
      if (fp8) y = y * p.x.scale.narrow(0, begin, end - begin).unsqueeze(1) * p.w.scale[group];
      parts.push_back(y.to(p.w.result_dtype()));
    }
    begin = end;
  }
  base::require(!parts.empty(), "grouped_linear: no rows");
  return at::cat(parts);
}

Tensor gather_sum_aten(const GatherSumProblem& p) {
  const auto widen = [](const Tensor& x) {
    return x.scalar_type() == at::kDouble ? x : x.to(at::kFloat);
  };
  const Tensor chosen = p.rows.index_select(0, p.slot.flatten()).unflatten(0, p.slot.sizes());
  const Tensor sum = (widen(chosen) * p.weight.unsqueeze(-1)).sum(1);
  return (widen(p.base) + sum).to(p.base.scalar_type());
}

bool plain_on_cpu(const GroupedLinearProblem& p) {
  return p.w.weight.is_cpu() && p.w.row_format() == RowFormat::kPlain && !p.grad();
}

bool on_cpu(const GatherSumProblem& p) { return p.weight.is_cpu() && !p.grad(); }

Ladder<GroupedLinearProblem> grouped_linear_ladder("grouped_linear",
                                                   {{"cuda", cuda::supports, cuda::grouped_linear},
                                                    {"aten", always, grouped_linear_aten},
                                                    {"reference", plain_on_cpu,
                                                     reference::grouped_linear}});

Ladder<GatherSumProblem> gather_sum_ladder("gather_sum",
                                           {{"cuda", cuda::supports, cuda::gather_sum},
                                            {"aten", always, gather_sum_aten},
                                            {"reference", on_cpu, reference::gather_sum}});

}  // namespace

Tensor grouped_linear(const Rows& x, const GroupedWeight& weight, const Tensor& ends) {
  base::require(x.format() == weight.row_format(), "grouped_linear: rows in another format");
  return grouped_linear_ladder({x, weight, ends});
}

Tensor gather_sum(const Tensor& rows, const Tensor& slot, const Tensor& weight,
                  const Tensor& base) {
  return gather_sum_ladder({rows, slot, weight, base});
}

namespace reference {

Tensor grouped_linear(const GroupedLinearProblem& problem) {
  const Tensor x = problem.x.values.to(at::kDouble).contiguous();
  const Tensor weight = problem.w.weight.to(at::kDouble).contiguous();
  const int64_t out = weight.size(1), in = weight.size(2);
  Tensor y = at::empty({x.size(0), out}, x.options());
  const auto ends = problem.ends.to(at::kLong);
  int64_t group = 0;
  for (int64_t row = 0; row < x.size(0); ++row) {
    while (row >= ends.const_data_ptr<int64_t>()[group]) ++group;
    const double* w = weight.const_data_ptr<double>() + group * out * in;
    for (int64_t o = 0; o < out; ++o) {
      double sum = 0;
      for (int64_t i = 0; i < in; ++i)
        sum += x.const_data_ptr<double>()[row * in + i] * w[o * in + i];
      y.data_ptr<double>()[row * out + o] = sum;
    }
  }
  return y.to(problem.w.result_dtype());
}

Tensor gather_sum(const GatherSumProblem& problem) {
  const Tensor rows = problem.rows.to(at::kDouble).contiguous();
  const Tensor weight = problem.weight.to(at::kDouble).contiguous();
  const Tensor slot = problem.slot.contiguous();
  Tensor y = problem.base.to(at::kDouble, false, /*copy=*/true).contiguous();
  const int64_t c = y.size(1), terms = slot.size(1);
  for (int64_t i = 0; i < slot.numel(); ++i) {
    const double* from = rows.const_data_ptr<double>() + slot.const_data_ptr<int64_t>()[i] * c;
    for (int64_t e = 0; e < c; ++e) {
      y.data_ptr<double>()[i / terms * c + e] += weight.const_data_ptr<double>()[i] * from[e];
    }
  }
  return y.to(problem.base.scalar_type());
}

}  // namespace reference
}  // namespace zoetrope::ops
