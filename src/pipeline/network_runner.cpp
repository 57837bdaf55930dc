#include "pipeline/network_runner.h"

#include <ATen/ATen.h>

#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "pipeline/lru.h"
#include "tensor/dry_run.h"
#include "tensor/graph_capture.h"

namespace zoetrope::pipeline {

// The tensors a recorded pass reads and writes, at the same addresses every time.
struct NetworkRunner::Recording {
  at::Tensor sample, timestep;
  Conditioning conditioning;
  std::optional<uint64_t> version;                // of what `conditioning` holds
  std::unique_ptr<diffusion::BlockCache> blocks;  // its kept tensors are the recorded ones
  at::Tensor output;
  tensor::LazyGraph graph;

  int64_t bytes() const {
    int64_t bytes = graph.bytes() + (blocks ? blocks->kept_bytes() : 0);
    for (const at::Tensor& one : tensors_of(conditioning)) {
      bytes += static_cast<int64_t>(one.nbytes());
    }
    for (const at::Tensor& one : {sample, output}) {
      if (one.defined()) bytes += static_cast<int64_t>(one.nbytes());
    }
    return bytes;
  }
};

// By network, shape of the sample and pattern of the block cache. The number of text tokens is part
// of the shape too, but it is fixed for a model.
struct NetworkRunner::Recordings
    : Lru<std::tuple<const models::Denoiser*, std::vector<int64_t>, std::vector<int>>, Recording> {
};

NetworkRunner::NetworkRunner(at::Device device, Launch launch)
    : records_(tensor::stands_for(device).is_cuda() && launch == Launch::kRecorded),
      recordings_(std::make_unique<Recordings>()) {}

NetworkRunner::~NetworkRunner() = default;

NetworkRunner::Recording& NetworkRunner::recording_for(const models::Denoiser& network,
                                                       const at::Tensor& sample,
                                                       const at::Tensor& timestep,
                                                       const Conditioning& conditioning,
                                                       const diffusion::BlockCache* blocks) {
  Recording& recording = recordings_->use(
      {&network, sample.sizes().vec(), blocks == nullptr ? std::vector<int>{} : blocks->pattern()});
  recordings_->trim_others(others_bytes_);  // before a new one takes memory
  if (recording.sample.defined()) return recording;
  Conditioning own;
  for (const at::Tensor& row : conditioning.rows) own.rows.push_back(row.clone());
  for (const at::Tensor& one : conditioning.shared) own.shared.push_back(one.clone());
  recording.conditioning = std::move(own);
  if (blocks != nullptr) recording.blocks = blocks->clone();
  recording.timestep = timestep.clone();
  recording.sample = sample.clone();  // last: it tells that all are there
  return recording;
}

at::Tensor NetworkRunner::forward(const models::Denoiser& network, const at::Tensor& sample,
                                  const at::Tensor& timestep, const Conditioning& conditioning,
                                  uint64_t version, diffusion::BlockCache* blocks) {
  if (!records_) return network.forward(sample, timestep, conditioning, blocks);
  Recording& r = recording_for(network, sample, timestep, conditioning, blocks);
  r.sample.copy_(sample);
  r.timestep.copy_(timestep);
  if (r.version != version) {
    const std::vector<at::Tensor> from = tensors_of(conditioning);
    const std::vector<at::Tensor> to = tensors_of(r.conditioning);
    for (size_t i = 0; i < from.size(); ++i) to[i].copy_(from[i]);
    r.version = version;
  }
  if (blocks != nullptr && !blocks->read_now().empty()) {
    std::vector<at::Tensor> kept = r.blocks->read_now();
    at::_foreach_copy_(kept, blocks->read_now());
  }
  const auto pass = [&] {
    r.output = network.forward(r.sample, r.timestep, r.conditioning, r.blocks.get());
  };
  if (!tensor::in_dry_run()) {
    r.graph.run(pass);
  } else if (!r.output.defined()) {
    pass();  // a recording takes what a pass takes
  }
  if (blocks != nullptr) blocks->keep_from(*r.blocks);
  return r.output;
}

}  // namespace zoetrope::pipeline
