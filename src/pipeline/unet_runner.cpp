#include "pipeline/unet_runner.h"

#include <ATen/ATen.h>

#include <optional>

#include "tensor/graph_capture.h"

namespace zoetrope::pipeline {

// The tensors a recorded pass reads and writes.
struct UnetRunner::Captured {
  at::Tensor sample, timestep;
  Conditioning conditioning;
  std::optional<uint64_t> version;                // of what `conditioning` holds
  std::unique_ptr<diffusion::BlockCache> blocks;  // its kept tensors are the recorded ones
  at::Tensor output;
  std::optional<tensor::CapturedGraph> graph;
};

UnetRunner::UnetRunner(const models::AnimateUnet& unet, at::Device device, Launch launch)
    : unet_(unet), capture_(device.is_cuda() && launch == Launch::kRecorded) {}

UnetRunner::~UnetRunner() = default;

UnetRunner::Captured& UnetRunner::captured_for(const at::Tensor& sample, const at::Tensor& timestep,
                                               const Conditioning& conditioning,
                                               const diffusion::BlockCache* blocks) {
  // The number of text tokens is part of the shape too, but it is fixed for a model.
  std::unique_ptr<Captured>& slot =
      captured_[{sample.sizes().vec(), blocks == nullptr ? std::vector<int>{} : blocks->pattern()}];
  if (slot) return *slot;
  auto fresh = std::make_unique<Captured>();
  fresh->sample = sample.clone();
  fresh->timestep = timestep.clone();
  fresh->conditioning.image_latents = conditioning.image_latents.clone();
  fresh->conditioning.embedding = conditioning.embedding.clone();
  for (const nn::KeyValue& kv : conditioning.attention) {
    fresh->conditioning.attention.push_back({kv.k.clone(), kv.v.clone()});
  }
  if (blocks != nullptr) fresh->blocks = blocks->clone();
  fresh->graph = tensor::CapturedGraph::capture([&unet = unet_, captured = fresh.get()] {
    captured->output = unet.forward(captured->sample, captured->timestep, captured->conditioning,
                                    captured->blocks.get());
  });
  slot = std::move(fresh);
  return *slot;
}

at::Tensor UnetRunner::forward(const at::Tensor& sample, const at::Tensor& timestep,
                               const Conditioning& conditioning, uint64_t version,
                               diffusion::BlockCache* blocks) {
  if (!capture_) return unet_.forward(sample, timestep, conditioning, blocks);
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
