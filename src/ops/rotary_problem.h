// What the ladder of join_heads chooses by, and its variants (internal to ops; see problems.h).
#pragma once

#include <cstdint>
#include <vector>

#include "ops/rotary.h"

namespace zoetrope::ops {

struct JoinHeadsProblem {
  const std::vector<HeadStream>& streams;
  const HeadTurn& turn;
  bool grad() const;
  int64_t tokens() const;  // of all streams
};

namespace reference {
at::Tensor join_heads(const JoinHeadsProblem& problem);
}
namespace cuda {
bool supports(const JoinHeadsProblem& problem);
at::Tensor join_heads(const JoinHeadsProblem& problem);
}  // namespace cuda

}  // namespace zoetrope::ops
