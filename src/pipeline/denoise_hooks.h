// What the caller of a run decides about its denoise role.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>

#include "pipeline/denoise_session.h"

namespace zoetrope::pipeline {

struct DenoiseHooks {
  // Steps a session to its end: StepRunner::run, or the engine's loop that batches requests.
  std::function<void(DenoiseSession&)> drive;
  // A few frames u8 [n, h, w, 3], spread over the clip, of the present estimate; may be empty.
  std::function<void(const at::Tensor& frames)> preview;
  // Asked before each preview; empty means yes.
  std::function<bool()> wants_preview;
};

}  // namespace zoetrope::pipeline
