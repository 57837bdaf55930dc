#include "pipeline/step_runner.h"

#include <ATen/ATen.h>

#include "base/status.h"

namespace zoetrope::pipeline {

void StepRunner::join_conditioning(std::span<DenoiseSession* const> sessions) {
  std::vector<uint64_t> ids;
  std::vector<const Conditioning*> parts;
  for (const DenoiseSession* session : sessions) {
    ids.push_back(session->id());
    parts.push_back(&session->conditioning());
  }
  if (ids == joined_sessions_) return;
  joined_ = concatenate(parts);
  joined_sessions_ = std::move(ids);
  ++joined_version_;
}

void StepRunner::step(std::span<DenoiseSession* const> sessions) {
  base::require(!sessions.empty(), "step: no session");
  for (const DenoiseSession* session : sessions) {
    base::require(!session->done(), "step: a session is already done");
    base::require(session->batches_with(*sessions.front()), "step: sessions of different shapes");
  }
  std::vector<DenoiseSession*> together;
  for (DenoiseSession* session : sessions) {
    if (session->branches_apart() && !session->caches_blocks()) {
      passes_by_branch(*session);
    } else if (batching_ == Batching::kTogether && !session->caches_blocks()) {
      together.push_back(session);
    } else {
      pass({&session, 1});
    }
  }
  if (!together.empty()) pass(together);
}

void StepRunner::pass(std::span<DenoiseSession* const> sessions) {
  std::vector<at::Tensor> samples;
  std::vector<float> timesteps;
  for (const DenoiseSession* session : sessions) {
    for (int64_t branch = 0; branch < session->branches(); ++branch) {
      samples.push_back(session->latents());
      timesteps.push_back(static_cast<float>(session->timestep()));
    }
  }
  join_conditioning(sessions);

  const at::Tensor sample = at::stack(samples).to(dtype_);
  const at::Tensor timestep = at::tensor(timesteps, at::kFloat).to(sample.device());
  diffusion::BlockCache* blocks = sessions.front()->block_cache();
  const ops::AttentionScope scope(attention_);
  if (blocks != nullptr) blocks->begin_step(sessions.front()->step());
  const at::Tensor output = network_.forward(sessions.front()->network(), sample, timestep, joined_,
                                             joined_version_, blocks);
  if (blocks != nullptr) blocks->end_step();

  int64_t row = 0;
  for (DenoiseSession* session : sessions) {
    session->advance(output.narrow(0, row, session->branches()));
    row += session->branches();
  }
}

void StepRunner::passes_by_branch(DenoiseSession& session) {
  const at::Tensor sample = session.latents().unsqueeze(0).to(dtype_);
  const at::Tensor timestep =
      at::full({1}, session.timestep(), at::TensorOptions(sample.device()).dtype(at::kFloat));
  const ops::AttentionScope scope(attention_);
  std::vector<at::Tensor> outputs;
  for (int64_t branch = 0; branch < session.branches(); ++branch) {
    // Every branch is told something else, so each is a version of its own; the next pass
    // overwrites what this one gave.
    outputs.push_back(network_
                          .forward(session.network(), sample, timestep,
                                   row_of(session.conditioning(), branch), ++joined_version_,
                                   nullptr)
                          .clone());
  }
  session.advance(at::cat(outputs));
}

void StepRunner::run(DenoiseSession& session) {
  DenoiseSession* const one[] = {&session};
  run(one);
}

void StepRunner::run(std::span<DenoiseSession* const> sessions) {
  while (!sessions.front()->done()) {
    sessions.front()->cancel().check();
    step(sessions);
  }
}

}  // namespace zoetrope::pipeline
