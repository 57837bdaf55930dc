#include "nn/joint_heads.h"

#include <ATen/ATen.h>

namespace zoetrope::nn {
namespace {

int64_t norm_width(HeadLayout heads, NormSpan span) {
  return span == NormSpan::kHead ? heads.head_dim : heads.width();
}

}  // namespace

StreamHeads StreamHeads::asking(int64_t n) const {
  StreamHeads some = *this;
  some.q.x = q.x.narrow(1, 0, n);
  return some;
}

StreamProjections::StreamProjections(const weights::Scope& scope, const ProjectionNames& names,
                                     HeadLayout heads, NormSpan span, double eps)
    : heads_(heads),
      qkv_(scope, {names.q, names.k, names.v}, heads.width(), heads.width(), Bias::kPresent),
      norm_q_(scope.sub(names.norm_q), norm_width(heads, span), eps),
      norm_k_(scope.sub(names.norm_k), norm_width(heads, span), eps) {}

StreamHeads StreamProjections::operator()(const ops::Rows& x) const {
  const auto parts = qkv_(x).unflatten(-1, {3, heads_.heads, heads_.head_dim}).unbind(-3);
  return {{parts[0], norm_q_.weight(), norm_q_.eps()},
          {parts[1], norm_k_.weight(), norm_k_.eps()},
          parts[2]};
}

QueryKeyValue join(const std::vector<StreamHeads>& streams, const RotaryTable& table) {
  std::vector<ops::HeadStream> q, k, v;
  for (const StreamHeads& s : streams) {
    q.push_back(s.q);
    k.push_back(s.k);
    v.push_back({.x = s.v, .weight = {}});
  }
  const ops::HeadTurn turn{table.cosine, table.sine};
  return {ops::join_heads(q, turn), ops::join_heads(k, turn),
          v.size() == 1 ? v.front().x : ops::join_heads(v, {})};
}

}  // namespace zoetrope::nn
