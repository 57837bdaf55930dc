#include "ops/rotary.h"

#include <ATen/ATen.h>

#include "ops/ladder.h"
#include "ops/norm.h"
#include "ops/rotary_problem.h"

namespace zoetrope::ops {

bool JoinHeadsProblem::grad() const {
  for (const HeadStream& s : streams) {
    if (needs_grad({&s.x, &s.weight})) return true;
  }
  return false;
}

int64_t JoinHeadsProblem::tokens() const {
  int64_t count = 0;
  for (const HeadStream& s : streams) count += s.x.size(1);
  return count;
}

namespace {

using at::Tensor;

Tensor normalised(const HeadStream& s) {
  if (!s.weight.defined()) return s.x;
  if (s.weight.size(0) == s.x.size(3)) return rms_norm(s.x, s.weight, s.eps);
  return rms_norm(s.x.flatten(2), s.weight, s.eps).view(s.x.sizes());
}

// x [b, n, heads, d]
Tensor turned(const Tensor& x, const HeadTurn& turn) {
  if (!turn.cosine.defined()) return x;
  const Tensor wide = x.scalar_type() == at::kDouble ? x : x.to(at::kFloat);
  const bool neighbours = turn.pairs == RotaryPairs::kNeighbours;
  const Tensor pair = neighbours ? wide.unflatten(-1, {-1, 2}) : wide.unflatten(-1, {2, -1});
  const int64_t dim = neighbours ? -1 : -2;
  const Tensor a = pair.select(dim, 0), b = pair.select(dim, 1);
  const Tensor cosine = turn.cosine.narrow(1, 0, x.size(1)).unsqueeze(-2);
  const Tensor sine = turn.sine.narrow(1, 0, x.size(1)).unsqueeze(-2);
  return at::stack({a * cosine - b * sine, a * sine + b * cosine}, dim)
      .flatten(-2)
      .to(x.scalar_type());
}

Tensor join_heads_aten(const JoinHeadsProblem& problem) {
  std::vector<Tensor> parts;
  for (const HeadStream& s : problem.streams) parts.push_back(normalised(s));
  return turned(parts.size() == 1 ? parts.front() : at::cat(parts, 1), problem.turn);
}

bool on_cpu_without_grad(const JoinHeadsProblem& problem) {
  return problem.streams.front().x.is_cpu() && !problem.grad();
}

Ladder<JoinHeadsProblem> join_heads_ladder("join_heads",
                                           {{"cuda", cuda::supports, cuda::join_heads},
                                            {"aten", always, join_heads_aten},
                                            {"reference", on_cpu_without_grad,
                                             reference::join_heads}});

}  // namespace

Tensor join_heads(const std::vector<HeadStream>& streams, const HeadTurn& turn) {
  return join_heads_ladder({streams, turn});
}

}  // namespace zoetrope::ops
