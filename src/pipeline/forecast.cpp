#include "pipeline/forecast.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <numeric>

#include "pipeline/step_runner.h"
#include "tensor/dry_run.h"

namespace zoetrope::pipeline {
namespace {

// Enough that a multistep scheduler has its history, and that models with several networks come to
// the last of them.
constexpr int kSteps = 8;

BundleMap inputs_of(const Model& model, const RunSize& size, Source source) {
  const ModelTraits traits = model.traits();
  const auto pixels = at::TensorOptions(at::kByte);
  BundleMap inputs;
  inputs["prompt"].facts = {{"text", ""}, {"negative_text", ""}};
  std::vector<int64_t> shape = model.latent_shape(size);
  shape.insert(shape.begin(), size.together);
  inputs["noise"].tensors["noise"] =
      at::empty(shape, at::TensorOptions(model.device()).dtype(at::kFloat));
  inputs["noise"].facts = {{"distilled", false},
                           {"steps", size.keeps_blocks ? traits.block_cache_steps : kSteps},
                           {"image_guidance", size.guided ? 2.0 : 1.0},
                           {"text_guidance", size.guided ? 2.0 : 1.0},
                           {"true_cfg_scale", size.guided ? 2.0 : 1.0},
                           {"strength", 1.0},
                           {"motion", traits.motion},
                           {"fps", static_cast<double>(traits.fps)},
                           {"cache_blocks", size.keeps_blocks},
                           {"keep_trajectory", false}};
  if (source == Source::kPicture) {
    inputs["picture"].tensors["pixels"] = at::zeros({size.height, size.width, 3}, pixels);
    inputs["picture"].facts = {{"num_frames", size.num_frames},
                               {"width", size.width},
                               {"height", size.height},
                               {"own_first_frame", false}};
  }
  return inputs;
}

std::vector<ComponentBytes> component_bytes(const ModelIndex& index, at::ScalarType dtype,
                                            at::Device device) {
  std::vector<ComponentBytes> all;
  for (const ComponentLoader& loader : component_loaders(index)) {
    const tensor::DryRun run(device);
    weights::CheckpointSource source = index.source(loader.name, dtype, at::kMeta);
    const auto network = loader.build(source);
    all.push_back({loader.name, run.live_bytes()});
  }
  return all;
}

// Where the weights live is no matter here.
std::unique_ptr<Model> shapes_of(ModelIndex index, at::ScalarType dtype, at::Device device) {
  index.placement = {};
  const tensor::DryRun run(device);
  return load_model(index, dtype, at::kMeta);
}

}  // namespace

int64_t Forecast::peak_bytes() const {
  int64_t peak = 0;
  for (const Role& role : roles) {
    peak = std::max(peak, role.peak_bytes + (role.after_denoise ? recorded_bytes : 0));
  }
  return peak;
}

Forecaster::Forecaster(const ModelIndex& index, at::ScalarType dtype, at::Device device)
    : device_(device),
      weights_(component_bytes(index, dtype, device)),
      model_(shapes_of(index, dtype, device)) {}

int64_t Forecaster::weight_bytes() const {
  int64_t total = 0;
  for (const ComponentBytes& component : weights_) total += component.bytes;
  return total;
}

Forecast Forecaster::run(const RunSize& size) const {
  {
    const std::lock_guard lock(mutex_);
    const auto known = known_.find(size);
    if (known != known_.end()) return known->second;
  }
  Forecast most;
  for (const Source source : model_->traits().sources) {
    const Forecast forecast = run(size, source);
    if (forecast.peak_bytes() >= most.peak_bytes()) most = forecast;
  }
  const std::lock_guard lock(mutex_);
  return known_[size] = most;
}

Forecast Forecaster::run(const RunSize& size, Source source) const {
  const c10::NoGradGuard no_gradients;
  const tensor::DryRun dry(device_);
  StepRunner runner(model_->dtype(), model_->device(), default_batching(device_), Launch::kRecorded,
                    model_->traits().attention);
  DenoiseHooks hooks;
  hooks.drive = [&](std::span<DenoiseSession* const> sessions) { runner.run(sessions); };
  hooks.branches_apart = size.branches_apart;
  hooks.decode_tile = size.decode_tile;
  const RoleTable roles = model_->roles(hooks);
  const BundleMap inputs = inputs_of(*model_, size, source);

  Forecast forecast;
  bool denoised = false;
  std::vector<Bundle> results;
  for (const Graph::Node& node : model_->graph(source).nodes()) {
    if (node.is_input) {
      results.push_back(inputs.at(node.name));
      continue;
    }
    std::vector<Bundle> read;
    for (const Graph::Value value : node.inputs) read.push_back(results[value.node]);
    const int64_t begin = dry.now();
    results.push_back(roles.at(node.name)(read, {}));
    forecast.roles.push_back({node.name, dry.peak_bytes(begin), denoised});
    if (node.name != "denoise") continue;
    denoised = true;
    if (device_.is_cuda()) {
      forecast.recorded_bytes = forecast.roles.back().peak_bytes - dry.live_bytes();
    }
  }
  return forecast;
}

}  // namespace zoetrope::pipeline
