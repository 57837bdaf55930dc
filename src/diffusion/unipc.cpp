#include "diffusion/unipc.h"

#include <algorithm>
#include <cmath>

#include "base/status.h"
#include "ops/weighted_sum.h"
#include "tensor/tensor.h"

namespace zoetrope::diffusion {
namespace {

using Vector3 = std::array<double, 3>;

// Solves sum_k r_k^(j-1) rho_k = b_j, j = 1..n, for rho: a Vandermonde system with distinct nodes.
Vector3 solve_vandermonde(int n, const Vector3& nodes, Vector3 b) {
  std::array<Vector3, 3> a{};
  for (int j = 0; j < n; ++j) {
    for (int k = 0; k < n; ++k) a[j][k] = std::pow(nodes[k], j);
  }
  for (int pivot = 0; pivot < n; ++pivot) {
    int best = pivot;
    for (int j = pivot + 1; j < n; ++j) {
      if (std::abs(a[j][pivot]) > std::abs(a[best][pivot])) best = j;
    }
    std::swap(a[pivot], a[best]);
    std::swap(b[pivot], b[best]);
    for (int j = pivot + 1; j < n; ++j) {
      const double factor = a[j][pivot] / a[pivot][pivot];
      for (int k = pivot; k < n; ++k) a[j][k] -= factor * a[pivot][k];
      b[j] -= factor * b[pivot];
    }
  }
  for (int j = n - 1; j >= 0; --j) {
    for (int k = j + 1; k < n; ++k) b[j] -= a[j][k] * b[k];
    b[j] /= a[j][j];
  }
  return b;
}

// Right-hand sides j! phi_{j+1}(-h) h / B, in the paper's terms; hh = -h.
Vector3 right_hand_sides(int n, double hh, double scale) {
  Vector3 b{};
  double phi = std::expm1(hh) / hh - 1.0;
  double factorial = 1.0;
  for (int j = 0; j < n; ++j) {
    b[j] = phi * factorial / scale;
    factorial *= j + 2;
    phi = phi / hh - 1.0 / factorial;
  }
  return b;
}

// Weights of the differences (older x0 - newest x0) / r_k and, correcting, (x0 after - newest x0).
Vector3 difference_weights(int order, bool correct, const Vector3& nodes, double hh, double scale) {
  if (correct ? order == 1 : order == 2) return {0.5, 0.0, 0.0};
  const int unknowns = correct ? order : order - 1;
  return solve_vandermonde(unknowns, nodes, right_hand_sides(unknowns, hh, scale));
}

}  // namespace

std::unique_ptr<SchedulerState> UniPcScheduler::begin(int steps, std::optional<double> mu) const {
  if (const auto* flow = std::get_if<FlowSchedule>(&schedule_)) {
    return std::make_unique<UniPcState>(make_flow_grid(*flow, FlowNodes::kUniPc, mu, steps),
                                        options_);
  }
  base::require(!mu.has_value(), "mu: only flow schedules have a dynamic shift");
  const auto* table = std::get_if<DiscreteSchedule>(&schedule_);
  Grid grid = table ? make_grid(*table, grid_, steps)
                    : make_grid(std::get<CosineSchedule>(schedule_), grid_, steps);
  return std::make_unique<UniPcState>(std::move(grid), options_);
}

int UniPcState::order_at(int i) const {
  const int left = steps() - i;
  if (grid()[i].to.sigma == 0.0) return 1;
  const int order = std::clamp(usable_history_, 1, options_.order);
  return options_.lower_order_final ? std::min(order, left) : order;
}

at::Tensor UniPcState::take_step(int i, int order, const at::Tensor& sample,
                                 const at::Tensor& x0_after) const {
  const GridStep& step = grid()[i];
  const double h = step.to.lambda - step.from.lambda;
  if (h == 0.0) return sample;
  const double decay = std::expm1(-h);
  std::vector<ops::Term> terms = {{step.to.sigma / step.from.sigma, sample}};
  double newest = -step.to.alpha * decay;

  const bool correct = x0_after.defined();
  if (correct || order > 1) {
    const double scale = options_.form == UniPcOptions::Form::kBh1 ? -h : decay;
    Vector3 nodes{};
    for (int k = 1; k < order; ++k) {
      nodes[k - 1] = (grid()[i - k].from.lambda - step.from.lambda) / h;
    }
    if (correct) nodes[order - 1] = 1.0;
    const Vector3 rho = difference_weights(order, correct, nodes, -h, scale);
    const int differences = correct ? order : order - 1;
    for (int k = 0; k < differences; ++k) {
      const double weight = -step.to.alpha * scale * rho[k] / nodes[k];
      terms.push_back({weight, correct && k == order - 1 ? x0_after : history_[k + 1]});
      newest -= weight;
    }
  }
  terms.push_back({newest, history_[0]});
  return ops::weighted_sum(terms);
}

at::Tensor UniPcState::advance(const at::Tensor& output, int i, const at::Tensor& sample) {
  const at::Tensor x0 = predicted_x0(output, i, sample);
  // A step that began at alpha = 0 is exact for its x0 and has no expansion in h to correct.
  const bool correct = last_sample_.defined() && usable_history_ > 0;
  const at::Tensor corrected = correct ? take_step(i - 1, last_order_, last_sample_, x0) : sample;

  history_ = {x0, history_[0], history_[1]};
  if (std::isfinite(grid()[i].from.lambda)) usable_history_ = std::min(usable_history_ + 1, 3);
  last_order_ = order_at(i);
  last_sample_ = corrected;
  return take_step(i, last_order_, corrected, at::Tensor());
}

}  // namespace zoetrope::diffusion
