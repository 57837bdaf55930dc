// Several results of one request, which differ in their noise alone: what their roles share.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>

#include "pipeline/denoise_hooks.h"
#include "pipeline/graph.h"

namespace zoetrope::pipeline {

// Drives a session for every noise in noises [n, f, h, w, c] to its end, all at the same time.
// `setup_of` says what they are told; progress is that of all of them, the preview that of the
// first. -> latents [n, f, h, w, c] and, if asked for, trajectory [n, steps, f, h, w, c].
using SetupOf = std::function<DenoiseSession::Setup(const at::Tensor& noise)>;
Bundle denoise_several(const at::Tensor& noises, const SetupOf& setup_of, const DenoiseHooks& hooks,
                       const RunContext& context);

// What `decode` makes of each of latents [n, f, h, w, c], one after the other, stacked.
using DecodeOne = std::function<Bundle(const at::Tensor& latents, const RunContext& context)>;
Bundle decode_several(const at::Tensor& latents, const DecodeOne& decode,
                      const RunContext& context);

// The role, played once: whoever asks again is given what it made the first time.
Role played_once(Role role);

}  // namespace zoetrope::pipeline
