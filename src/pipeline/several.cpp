#include "pipeline/several.h"

#include <ATen/ATen.h>

#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace zoetrope::pipeline {
namespace {

// Of results that are worked on at the same time: the sum of their steps.
class SharedProgress {
 public:
  SharedProgress(base::ProgressSink sink, int64_t count)
      : sink_(std::move(sink)), steps_(static_cast<size_t>(count), 0) {}

  void report(size_t index, const base::Progress& progress) {
    steps_[index] = progress.step;
    base::report(sink_, progress.stage, std::reduce(steps_.begin(), steps_.end()),
                 progress.of * static_cast<int64_t>(steps_.size()));
  }

 private:
  base::ProgressSink sink_;
  std::vector<int64_t> steps_;
};

}  // namespace

Bundle denoise_several(const at::Tensor& noises, const SetupOf& setup_of, const DenoiseHooks& hooks,
                       const RunContext& context) {
  SharedProgress progress(context.progress, noises.size(0));
  std::deque<DenoiseSession> sessions;
  std::vector<DenoiseSession*> open;
  for (const at::Tensor& noise : noises.unbind(0)) {
    DenoiseSession::Setup setup = setup_of(noise);
    const size_t index = sessions.size();
    setup.progress = [&progress, index](const base::Progress& p) { progress.report(index, p); };
    if (index > 0) setup.preview = nullptr;
    DenoiseSession& session = sessions.emplace_back(std::move(setup));
    if (!session.done()) open.push_back(&session);
  }
  if (!open.empty()) hooks.drive(open);

  std::vector<at::Tensor> latents, trajectories;
  for (const DenoiseSession& session : sessions) {
    latents.push_back(session.latents());
    if (!session.trajectory().empty()) trajectories.push_back(at::stack(session.trajectory()));
  }
  Bundle out;
  out.tensors["latents"] = at::stack(latents);
  if (!trajectories.empty()) out.tensors["trajectory"] = at::stack(trajectories);
  return out;
}

Bundle decode_several(const at::Tensor& latents, const DecodeOne& decode,
                      const RunContext& context) {
  const int64_t count = latents.size(0);
  std::map<std::string, std::vector<at::Tensor>> made;
  for (int64_t i = 0; i < count; ++i) {
    RunContext one = context;
    one.progress = [&context, i, count](const base::Progress& p) {
      base::report(context.progress, p.stage, i * p.of + p.step, count * p.of);
    };
    for (auto& [name, tensor] : decode(latents[i], one).tensors) made[name].push_back(tensor);
  }
  Bundle out;
  for (const auto& [name, tensors] : made) out.tensors[name] = at::stack(tensors);
  return out;
}

Role played_once(Role role) {
  struct State {
    std::mutex mutex;
    std::optional<Bundle> made;
  };
  return [role = std::move(role), state = std::make_shared<State>()](std::span<const Bundle> inputs,
                                                                     const RunContext& context) {
    const std::lock_guard lock(state->mutex);
    if (!state->made) state->made = role(inputs, context);
    return *state->made;
  };
}

}  // namespace zoetrope::pipeline
