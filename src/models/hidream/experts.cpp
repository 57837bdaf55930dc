#include "models/hidream/experts.h"

#include <ATen/ATen.h>

namespace zoetrope::models {

nn::SwigluFeedForward hidream_feed_forward(const weights::Scope& scope, int64_t channels,
                                           int64_t hidden) {
  constexpr int64_t kMultiple = 256;
  const int64_t inner = (2 * hidden / 3 + kMultiple - 1) / kMultiple * kMultiple;
  return {scope, {.gate = "w1", .value = "w3", .out = "w2"}, channels, inner};
}

RoutedExperts::RoutedExperts(const weights::Scope& scope, int64_t channels, int64_t hidden,
                             Counts counts)
    : activated_(counts.activated),
      gate_(scope.sub("gate"), channels, counts.routed, nn::Bias::kNone),
      shared_(hidream_feed_forward(scope.sub("shared_experts"), channels, hidden / 2)) {
  for (int64_t i = 0; i < counts.routed; ++i) {
    experts_.push_back(hidream_feed_forward(scope.sub("experts", i), channels, hidden));
  }
}

at::Tensor RoutedExperts::operator()(const at::Tensor& x) const {
  const at::Tensor rows = x.flatten(0, -2);
  const auto [weight, expert] = at::topk(at::softmax(gate_(rows), -1, at::kFloat), activated_, -1);
  return routed(rows, weight.to(x.dtype()), expert).view_as(x) + shared_(x);
}

at::Tensor RoutedExperts::routed(const at::Tensor& rows, const at::Tensor& weight,
                                 const at::Tensor& expert) const {
  const auto [sorted, order] = at::sort(expert.flatten(), /*stable=*/true, 0, false);
  const at::Tensor gathered = rows.index_select(0, order.div(activated_, "floor"));
  const auto count = static_cast<int64_t>(experts_.size());
  const at::Tensor ends =
      at::searchsorted(sorted, at::arange(count, sorted.options()), false, /*right=*/true)
          .to(at::kCPU);
  std::vector<at::Tensor> parts;
  int64_t begin = 0;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t end = ends.const_data_ptr<int64_t>()[i];
    if (end > begin) {
      parts.push_back(experts_[static_cast<size_t>(i)](gathered.narrow(0, begin, end - begin)));
    }
    begin = end;
  }
  const at::Tensor chosen = at::cat(parts).index_select(0, order.argsort());
  return (chosen.unflatten(0, {-1, activated_}) * weight.unsqueeze(-1)).sum(1);
}

}  // namespace zoetrope::models
