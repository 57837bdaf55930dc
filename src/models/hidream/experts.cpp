#include "models/hidream/experts.h"

#include <ATen/ATen.h>

#include <vector>

#include "ops/activation.h"
#include "ops/experts.h"
#include "ops/quantise.h"

namespace zoetrope::models {
namespace {

using weights::Scope;

// Channels inside an expert of so many hidden ones.
int64_t inner_channels(int64_t hidden) {
  constexpr int64_t kMultiple = 256;
  return (2 * hidden / 3 + kMultiple - 1) / kMultiple * kMultiple;
}

std::vector<Scope> experts(const Scope& scope, int64_t count) {
  std::vector<Scope> scopes;
  for (int64_t i = 0; i < count; ++i) scopes.push_back(scope.sub("experts", i));
  return scopes;
}

}  // namespace

nn::SwigluFeedForward hidream_feed_forward(const Scope& scope, int64_t channels, int64_t hidden) {
  return {scope, {.gate = "w1", .value = "w3", .out = "w2"}, channels, inner_channels(hidden)};
}

RoutedExperts::RoutedExperts(const Scope& scope, int64_t channels, int64_t hidden, Counts counts)
    : experts_(counts.routed),
      activated_(counts.activated),
      gate_(scope.sub("gate"), channels, counts.routed, nn::Bias::kNone),
      in_(experts(scope, counts.routed), {"w1", "w3"}, channels, inner_channels(hidden)),
      out_(experts(scope, counts.routed), {"w2"}, inner_channels(hidden), channels),
      shared_(hidream_feed_forward(scope.sub("shared_experts"), channels, hidden / 2)) {}

at::Tensor RoutedExperts::operator()(const at::Tensor& x) const {
  const at::Tensor rows = x.flatten(0, -2);
  const auto [weight, expert] = at::topk(at::softmax(gate_(rows), -1, at::kFloat), activated_, -1);
  const auto [sorted, order] = at::sort(expert.flatten(), /*stable=*/true, 0, false);
  const at::Tensor ends = at::searchsorted(sorted, at::arange(experts_, sorted.options()),
                                           /*out_int32=*/true, /*right=*/true);
  const at::Tensor slot =
      at::empty_like(order).scatter_(0, order, at::arange(order.size(0), order.options()));

  // The gate reads plain rows, the experts what their weights want.
  const ops::Rows in = ops::in_format(rows, in_.input_format());
  const ops::Rows gathered = ops::select_rows(in, order.div(activated_, "floor"));
  const ops::Rows inner = ops::swiglu(in_(gathered, ends), out_.input_format());
  return ops::gather_sum(out_(inner, ends), slot.view_as(expert), weight, shared_(in)).view_as(x);
}

}  // namespace zoetrope::models
