#include "pipeline/network_runner.h"

#include <ATen/ATen.h>

#include <optional>

#include "tensor/graph_capture.h"

namespace zoetrope::pipeline {

// The tensors a recorded pass reads and writes.
struct NetworkRunner::Captured {
  at::Tensor sample, timestep;
  Conditioning conditioning;
  std::optional<uint64_t> version;                // of what `conditioning` holds
  std::unique_ptr<diffusion::BlockCache> blocks;  // its kept tensors are the recorded ones
  at::Tensor output;
  std::optional<tensor::CapturedGraph> graph;
};

NetworkRunner::NetworkRunner(const models::Denoiser& network, at::Device device, Launch launch)
    : network_(network), capture_(device.is_cuda() && launch == Launch::kRecorded) {}

NetworkRunner::~NetworkRunner() = default;

NetworkRunner::Captured& NetworkRunner::captured_for(const at::Tensor& sample,
                                                     const at::Tensor& timestep,
                                                     const Conditioning& conditioning,
                                                     const diffusion::BlockCache* blocks) {
  // The number of text tokens is part of the shape too, but it is fixed for a model.
  std::unique_ptr<Captured>& slot =
      captured_[{sample.sizes().vec(), blocks == nullptr ? std::vector<int>{} : blocks->pattern()}];
  if (slot) return *slot;
  auto fresh = std::make_unique<Captured>();
  fresh->sample = sample.clone();
  fresh->timestep = timestep.clone();
  for (const at::Tensor& row : conditioning.rows) fresh->conditioning.rows.push_back(row.clone());
  for (const at::Tensor& one : conditioning.shared) {
    fresh->conditioning.shared.push_back(one.clone());
  }
  if (blocks != nullptr) fresh->blocks = blocks->clone();
  fresh->graph = tensor::CapturedGraph::capture([&network = network_, captured = fresh.get()] {
    captured->output = network.forward(captured->sample, captured->timestep, captured->conditioning,
                                       captured->blocks.get());
  });
  slot = std::move(fresh);
  return *slot;
}

at::Tensor NetworkRunner::forward(const at::Tensor& sample, const at::Tensor& timestep,
                                  const Conditioning& conditioning, uint64_t version,
                                  diffusion::BlockCache* blocks) {
  if (!capture_) return network_.forward(sample, timestep, conditioning, blocks);
  Captured& captured = captured_for(sample, timestep, conditioning, blocks);
  captured.sample.copy_(sample);
  captured.timestep.copy_(timestep);
  if (captured.version != version) {
    const std::vector<at::Tensor> from = tensors_of(conditioning);
    const std::vector<at::Tensor> to = tensors_of(captured.conditioning);
    for (size_t i = 0; i < from.size(); ++i) to[i].copy_(from[i]);
    captured.version = version;
  }
  if (blocks != nullptr && !blocks->read_now().empty()) {
    std::vector<at::Tensor> kept = captured.blocks->read_now();
    at::_foreach_copy_(kept, blocks->read_now());
  }
  captured.graph->replay();
  if (blocks != nullptr) blocks->keep_from(*captured.blocks);
  return captured.output;
}

}  // namespace zoetrope::pipeline
