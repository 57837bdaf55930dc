// What a student in training is judged by: how far its clips are from those of its guided teacher
// at the teacher's own number of steps, from the same noise, on held-out pictures; beside how far
// the teacher itself is at the student's number of steps.
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <string>

#include "train/distillation.h"
#include "train/guided_sampler.h"
#include "train/teacher.h"
#include "train/training_clips.h"

namespace zoetrope::train {

// The student's output in fp32. z fp32 [b, f, h, w, c] at `level`, text [b, n, c] of the clips'
// prompts; a network without guidance_embeds ignores the scales.
at::Tensor student_v(const models::AnimateUnet& student, const at::Tensor& z, const Levels& level,
                     const at::Tensor& text, const GuidedClips& clips, at::ScalarType dtype);

class DistillValidation {
 public:
  // All but the dtype and the scales, at which both are compared, must outlive this.
  DistillValidation(const HeldOutClips& clips, const Teacher& teacher, const DistillationGrid& grid,
                    at::ScalarType dtype, double image_guidance, double text_guidance)
      : held_out_(clips),
        teacher_(teacher),
        grid_(grid),
        dtype_(dtype),
        image_guidance_(image_guidance),
        text_guidance_(text_guidance) {}

  // Root-mean-square distances of latents: "student_distance", "teacher_distance". Writes
  // `path`_clips.png: teacher at its own steps, teacher at the student's, student.
  std::map<std::string, double> run(const models::AnimateUnet& student, const std::string& path);

 private:
  void sample_teacher();

  const HeldOutClips& held_out_;
  const Teacher& teacher_;
  const DistillationGrid& grid_;
  at::ScalarType dtype_;
  double image_guidance_, text_guidance_;
  // Made by the first run: the same for all.
  GuidedClips clips_;
  at::Tensor noise_, reference_, shortened_;
};

}  // namespace zoetrope::train
