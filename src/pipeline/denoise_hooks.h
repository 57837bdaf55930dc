// What the caller of a run decides about its denoise role, and of how its result is decoded.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <span>

#include "pipeline/denoise_session.h"

namespace zoetrope::pipeline {

struct DenoiseHooks {
  // Steps the sessions of a request to their end: StepRunner::run, or the engine's loop that
  // batches requests.
  std::function<void(std::span<DenoiseSession* const>)> drive;
  // A few frames u8 [n, h, w, 3], spread over the clip, of the present estimate; may be empty.
  std::function<void(const at::Tensor& frames)> preview;
  // Asked before each preview; empty means yes.
  std::function<bool()> wants_preview;
  // The branches of a guided step have a pass each, one after the other, which takes less memory
  // than one pass for all.
  bool branches_apart = false;
  // As in Autoencoder::decode; models of other autoencoders have no tiles.
  int64_t decode_tile = 0;
};

}  // namespace zoetrope::pipeline
