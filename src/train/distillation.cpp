#include "train/distillation.h"

#include <ATen/ATen.h>

#include <vector>

#include "base/status.h"
#include "diffusion/noise_level.h"

namespace zoetrope::train {

double student_time_shift(int64_t student_steps, int64_t teacher_steps) {
  if (student_steps <= 1) return 1.0;
  return static_cast<double>(teacher_steps - 1) / static_cast<double>(student_steps - 1);
}

DistillationGrid::DistillationGrid(int64_t student_steps, int64_t teacher_steps_each,
                                   const diffusion::CosineSchedule& schedule,
                                   const at::TensorOptions& like)
    : student_steps_(student_steps), each_(teacher_steps_each) {
  base::require(student_steps >= 1 && teacher_steps_each >= 1,
                "distillation: student and teacher need at least one step each");
  const int64_t steps = student_steps * teacher_steps_each;
  std::vector<double> t, alpha, sigma;
  for (int64_t i = 0; i <= steps; ++i) {
    const bool within_first = student_steps > 1 && i > 0 && i < each_;
    const auto node = static_cast<double>(within_first ? each_ : i);
    t.push_back(schedule.shifted(1.0 - node / static_cast<double>(steps)));
    const diffusion::NoiseLevel level = diffusion::cosine_level(t.back());
    alpha.push_back(level.alpha);
    sigma.push_back(level.sigma);
  }
  const auto table = [&](const std::vector<double>& values) {
    return at::tensor(values, at::kDouble).to(like);
  };
  t_ = table(t);
  alpha_ = table(alpha);
  sigma_ = table(sigma);
}

DistillationGrid DistillationGrid::of_student() const {
  DistillationGrid grid;
  grid.student_steps_ = student_steps_;
  grid.each_ = 1;
  grid.t_ = t_.slice(0, 0, c10::nullopt, each_);
  grid.alpha_ = alpha_.slice(0, 0, c10::nullopt, each_);
  grid.sigma_ = sigma_.slice(0, 0, c10::nullopt, each_);
  return grid;
}

Levels DistillationGrid::at_nodes(const at::Tensor& nodes) const {
  const auto per_clip = [&](const at::Tensor& table) {
    return table.index_select(0, nodes).view({-1, 1, 1, 1, 1});
  };
  return {t_.index_select(0, nodes), per_clip(alpha_), per_clip(sigma_)};
}

at::Tensor ddim_step(const at::Tensor& z, const at::Tensor& v, const Levels& from,
                     const Levels& to) {
  const at::Tensor x0 = from.alpha * z - from.sigma * v;
  const at::Tensor noise = from.sigma * z + from.alpha * v;
  return to.alpha * x0 + to.sigma * noise;
}

// With x0 and noise as above, reached = (alpha' - r alpha) x0 + r z where r = sigma' / sigma;
// solved for x0, then v = alpha noise - sigma x0 with noise = (z - alpha x0) / sigma. At alpha = 0
// this is -x0: nothing is divided by alpha.
at::Tensor distillation_target(const at::Tensor& z, const at::Tensor& reached, const Levels& from,
                               const Levels& to) {
  const at::Tensor ratio = to.sigma / from.sigma;
  const at::Tensor x0 = (reached - ratio * z) / (to.alpha - ratio * from.alpha);
  return from.alpha * (z - from.alpha * x0) / from.sigma - from.sigma * x0;
}

}  // namespace zoetrope::train
