#include "train/distill_validation.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "tensor/noise.h"
#include "train/picture_grid.h"

namespace zoetrope::train {
namespace {

constexpr int64_t kClips = 24;
constexpr int64_t kShown = 6;
constexpr uint64_t kNoiseSeed = 11;

double distance(const at::Tensor& a, const at::Tensor& b) {
  return (a - b).square().mean().sqrt().item<double>();
}

}  // namespace

at::Tensor student_v(const models::AnimateUnet& student, const at::Tensor& z, const Levels& level,
                     const at::Tensor& text, const GuidedClips& clips, at::ScalarType dtype) {
  const int64_t frames = z.size(1);
  const auto conditioning = student.condition(
      {.text = text,
       .image_latents = clips.first_frame.to(dtype).unsqueeze(1).expand({-1, frames, -1, -1, -1}),
       .image_embeddings = {},
       .fps = at::where(clips.motion < 0, clips.motion, clips.motion * kMotionScale),
       .guidance = clips.guidance});
  return student.forward(z.to(dtype), level.t * kTimestepScale, conditioning).to(at::kFloat);
}

void DistillValidation::sample_teacher() {
  const at::Tensor rows = held_out_.spread(kClips).to(held_out_.latents.device());
  const at::Tensor truth = held_out_.latents.index_select(0, rows);
  clips_ = {
      .prompts = held_out_.prompts.index_select(0, rows),
      .empty_prompt = held_out_.empty_prompt,
      .first_frame = truth.select(1, 0),
      .motion = held_out_.motion.index_select(0, rows),
      .guidance =
          at::tensor({image_guidance_, text_guidance_}, truth.options()).expand({rows.size(0), 2})};
  noise_ = tensor::gaussian_noise(truth.sizes(), kNoiseSeed, 0, 0, truth.device());
  const at::Tensor start = at::zeros_like(rows);
  const int64_t each = grid_.teacher_steps_each();
  reference_ = sample_guided(teacher_.networks, grid_, noise_, start, each * grid_.student_steps(),
                             clips_, dtype_);
  shortened_ = sample_guided(teacher_.networks, grid_.of_student(), noise_, start,
                             grid_.student_steps(), clips_, dtype_);
}

std::map<std::string, double> DistillValidation::run(const models::AnimateUnet& student,
                                                     const std::string& path) {
  if (held_out_.empty()) return {};
  if (!reference_.defined()) sample_teacher();
  const at::Tensor text = teacher_.networks.text(clips_.prompts);
  const DistillationGrid grid = grid_.of_student();
  const at::Tensor node = at::zeros({noise_.size(0)}, clips_.prompts.options());
  at::Tensor z = noise_;
  for (int64_t i = 0; i < grid.student_steps(); ++i) {
    const Levels from = grid.at_nodes(node + i);
    z = ddim_step(z, student_v(student, z, from, text, clips_, dtype_), from,
                  grid.at_nodes(node + (i + 1)));
  }
  std::vector<at::Tensor> pictures;
  for (int64_t i = 0; i < std::min<int64_t>(kShown, z.size(0)); ++i) {
    for (const at::Tensor& clips : {reference_, shortened_, z}) {
      pictures.push_back(shown_frames(teacher_.autoencoder, clips.select(0, i), dtype_));
    }
  }
  write_picture_grid(path + "_clips.png", pictures);
  return {{"student_distance", distance(z, reference_)},
          {"teacher_distance", distance(shortened_, reference_)}};
}

}  // namespace zoetrope::train
