// The arithmetic of combined step and guidance distillation on the cosine schedule: a student's
// step is to reach in one unguided pass what a guided teacher reaches in several DDIM steps.
//
// Source: "Progressive Distillation for Fast Sampling of Diffusion Models" (2202.00512) section 3,
// with classifier-free guidance folded in ("On Distillation of Guided Diffusion Models",
// 2210.03142). Clips are fp32 or fp64 [b, f, h, w, c]; each may stand at a level of its own.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "diffusion/noise_schedule.h"

namespace zoetrope::train {

// A noise level for each clip of a batch.
struct Levels {
  at::Tensor t;             // [b] in [0, 1]
  at::Tensor alpha, sigma;  // [b, 1, 1, 1, 1]
};

// The shift of the schedule's time that makes the first of a student's steps as long as the first
// of a teacher's run of `teacher_steps` steps, uniform in time.
//
// From pure noise the network can only say where clips lie on average, and how far the first step
// goes that way decides much of the clip: with a first step of 1/8 instead of 1/32 no later care
// leads to the teacher's clip any more (docs/distillation.md has the figures).
double student_time_shift(int64_t student_steps, int64_t teacher_steps);

// The nodes of the teacher's run, from pure noise (node 0) to a clean sample (the last one). Every
// `teacher_steps_each`-th is a node of the student's. Where the student has several steps, the
// teacher makes the first of them in one as well: its nodes within that step all lie at its end.
class DistillationGrid {
 public:
  // Throws Error(kInvalidArgument) for counts below 1. The tables get the dtype and device of
  // `like`.
  DistillationGrid(int64_t student_steps, int64_t teacher_steps_each,
                   const diffusion::CosineSchedule& schedule, const at::TensorOptions& like);

  int64_t student_steps() const { return student_steps_; }
  int64_t teacher_steps_each() const { return each_; }
  // The student's nodes alone.
  DistillationGrid of_student() const;
  at::TensorOptions options() const { return t_.options(); }
  // nodes int64 [b] in [0, student_steps * teacher_steps_each].
  Levels at_nodes(const at::Tensor& nodes) const;

 private:
  DistillationGrid() = default;

  int64_t student_steps_ = 0, each_ = 0;
  at::Tensor t_, alpha_, sigma_;  // [nodes]
};

// One deterministic DDIM step of the sample z, for which the network said v.
at::Tensor ddim_step(const at::Tensor& z, const at::Tensor& v, const Levels& from,
                     const Levels& to);

// The v for which one DDIM step takes z from `from` to `reached` at `to`.
at::Tensor distillation_target(const at::Tensor& z, const at::Tensor& reached, const Levels& from,
                               const Levels& to);

}  // namespace zoetrope::train
