// StepRunner: takes one denoising step of one or several requests. All guidance branches of a
// request, and with Batching::kTogether those of all requests, stand in one batch of the network:
//
//   row:      0          1           2               3         ...
//   session:  0          0           0               1
//   branch:   none       image       full            none
//
// Requests may be at different steps, have different step counts and different guidance; they share
// a pass when they have the same network. One that caches blocks has a pass to itself: which blocks
// run is a matter of its step; one whose branches are apart has as many as it has branches. Belongs
// to one thread at a time.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

#include "ops/attention.h"
#include "pipeline/denoise_session.h"
#include "pipeline/network_runner.h"

namespace zoetrope::pipeline {

enum class Batching {
  // One pass for all requests: what a GPU needs to be busy. Matrix products may then add in another
  // order than for a request alone, so results agree to rounding only.
  kTogether,
  // One pass a request: a request's bytes do not depend on its company. Costs a processor nothing,
  // which is busy with one request already, and keeps the activations small.
  kApart,
};
inline Batching default_batching(at::Device device) {
  return device.is_cuda() ? Batching::kTogether : Batching::kApart;
}

class StepRunner {
 public:
  // The sessions' networks must outlive the runner; `dtype` is that of their weights.
  StepRunner(at::ScalarType dtype, at::Device device, Batching batching,
             Launch launch = Launch::kRecorded,
             ops::AttentionPrecision attention = ops::AttentionPrecision::kExact)
      : network_(device, launch), dtype_(dtype), batching_(batching), attention_(attention) {}

  // See NetworkRunner.
  void limit_other_recordings(int64_t bytes) { network_.limit_other_recordings(bytes); }

  // Advances each session by one step. None may be done; all must batch with each other.
  void step(std::span<DenoiseSession* const> sessions);

  // Steps one session to its end; stops with Error(kCancelled) between steps.
  void run(DenoiseSession& session);
  // The same of sessions that batch with each other and are as long.
  void run(std::span<DenoiseSession* const> sessions);

 private:
  void pass(std::span<DenoiseSession* const> sessions);
  void passes_by_branch(DenoiseSession& session);
  void join_conditioning(std::span<DenoiseSession* const> sessions);

  NetworkRunner network_;
  at::ScalarType dtype_;
  Batching batching_;
  ops::AttentionPrecision attention_;

  // The joined conditioning of the last step, kept while the same sessions go on.
  std::vector<uint64_t> joined_sessions_;
  Conditioning joined_;
  uint64_t joined_version_ = 0;
};

}  // namespace zoetrope::pipeline
