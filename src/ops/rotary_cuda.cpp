#include <ATen/ATen.h>

#include "kernels/norm_rotate/norm_rotate.h"
#include "ops/cuda_rows.cuh"
#include "ops/rotary_problem.h"

namespace zoetrope::ops::cuda {
namespace {

using at::Tensor;

// A token's heads as one row.
Tensor rows_of(const Tensor& heads) { return heads.flatten(2); }

bool has_joined_heads(const Tensor& x) {
  return x.dim() == 4 && x.stride(3) == 1 && (x.size(2) == 1 || x.stride(2) == x.size(3)) &&
         has_rows(rows_of(x));
}

bool is_table(const Tensor& t, const JoinHeadsProblem& problem) {
  const Tensor& x = problem.streams.front().x;
  return t.scalar_type() == at::kFloat && t.device() == x.device() && t.dim() == 3 &&
         (t.size(0) == 1 || t.size(0) == x.size(0)) && t.size(1) >= problem.tokens() &&
         t.size(2) == x.size(3) / 2 && t.stride(2) == 1 && aligned(t) && t.stride(1) % 4 == 0 &&
         t.stride(0) % 4 == 0;
}

// Of a table that has rows for all tokens: those from `first` on.
kernels::RowView table_view(const Tensor& table, int64_t first) {
  return {table.const_data_ptr<float>() + first * table.stride(1),
          table.size(0) == 1 ? 0 : table.stride(0), table.stride(1), kernels::Dtype::kFloat32};
}

kernels::NormRotate shape_of(const HeadStream& s, const HeadTurn& turn) {
  kernels::NormRotate p;
  p.batches = s.x.size(0);
  p.tokens = s.x.size(1);
  p.heads = static_cast<int>(s.x.size(2));
  p.head_dim = static_cast<int>(s.x.size(3));
  p.dtype = dtype_of(s.x);
  p.x = row_view(rows_of(s.x));
  p.eps = static_cast<float>(s.eps);
  if (s.weight.defined()) {
    p.weight = s.weight.const_data_ptr();
    p.across = s.weight.size(0) != s.x.size(3);
  }
  if (turn.cosine.defined()) {
    p.cosine = table_view(turn.cosine, 0);
    p.sine = table_view(turn.sine, 0);
    p.halves = turn.pairs == RotaryPairs::kHalves;
  }
  return p;
}

bool supports_stream(const HeadStream& s, const Tensor& first, const HeadTurn& turn) {
  if (!on_gpu(s.x) || s.x.device() != first.device() || s.x.scalar_type() != first.scalar_type() ||
      !has_joined_heads(s.x) || s.x.size(0) != first.size(0) || s.x.size(2) != first.size(2) ||
      s.x.size(3) != first.size(3)) {
    return false;
  }
  if (s.weight.defined() && !(matches(s.weight, s.x) && aligned(s.weight))) return false;
  return kernels::norm_rotate_supported(shape_of(s, turn));
}

}  // namespace

bool supports(const JoinHeadsProblem& problem) {
  if (problem.grad()) return false;
  if (problem.turn.cosine.defined() &&
      !(is_table(problem.turn.cosine, problem) && is_table(problem.turn.sine, problem))) {
    return false;
  }
  const Tensor& first = problem.streams.front().x;
  for (const HeadStream& s : problem.streams) {
    if (!supports_stream(s, first, problem.turn)) return false;
  }
  return true;
}

Tensor join_heads(const JoinHeadsProblem& problem) {
  const Tensor& first = problem.streams.front().x;
  const DeviceGuard guard(first.device());
  const Tensor out =
      at::empty({first.size(0), problem.tokens(), first.size(2), first.size(3)}, first.options());
  int64_t begin = 0;
  for (const HeadStream& s : problem.streams) {
    kernels::NormRotate p = shape_of(s, problem.turn);
    p.y = row_target(rows_of(out.narrow(1, begin, s.x.size(1))));
    if (problem.turn.cosine.defined()) {
      p.cosine = table_view(problem.turn.cosine, begin);
      p.sine = table_view(problem.turn.sine, begin);
    }
    check(kernels::norm_rotate(p, current_stream()), "norm_rotate");
    begin += s.x.size(1);
  }
  return out;
}

}  // namespace zoetrope::ops::cuda
