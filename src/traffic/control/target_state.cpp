#include "traffic/control/target_state.h"

#include <cmath>
#include <utility>

namespace zoetrope::traffic::control {

void TargetState::take(std::vector<Sample> samples, Time taken) {
  if (seen_ && taken <= taken_) return;
  twice_ = seen_;
  seen_ = true;
  before_ = std::exchange(taken_, taken);
  samples_before_ = std::exchange(samples_, std::move(samples));
}

std::optional<double> TargetState::rate(std::string_view name, Matchers labels) const {
  if (!twice_) return std::nullopt;
  const auto now = sum(samples_, name, labels);
  if (!now) return std::nullopt;
  bool exists_before = false;
  for (const Sample& sample : samples_before_) {
    exists_before = exists_before || matches(sample, name, labels);
  }
  const auto before = exists_before ? sum(samples_before_, name, labels) : 0.0;
  if (!before || *now < *before) return std::nullopt;
  return (*now - *before) / std::chrono::duration<double>(taken_ - before_).count();
}

}  // namespace zoetrope::traffic::control
