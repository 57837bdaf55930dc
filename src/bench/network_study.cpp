#include "bench/network_study.h"

#include <ATen/ATen.h>

#include <memory>
#include <optional>

#include "bench/plain_kernels.h"
#include "bench/plain_sampler.h"
#include "bench/random_weights.h"
#include "bench/statistics.h"
#include "pipeline/network_runner.h"
#include "tensor/device.h"
#include "tensor/memory.h"

namespace zoetrope::bench {
namespace {

using models::AnimateUnet;

struct Rung {
  const char* name;
  at::ScalarType dtype;
  PlainSampling sampling;
  bool own_kernels = false;
  bool recorded = false;
};

std::vector<Rung> rungs_for(at::ScalarType low, at::Device device) {
  using Use = ContextUse;
  const auto plain = [](Use use, bool together) {
    return PlainSampling{.context = use, .branches_together = together};
  };
  std::vector<Rung> rungs = {
      {"fp32, context repeated for every frame", at::kFloat, plain(Use::kRepeatedEachStep, false)},
      {"16-bit numbers", low, plain(Use::kRepeatedEachStep, false)},
      {"context projected once for all frames", low, plain(Use::kEachStep, false)},
      {"keys and values kept for the request", low, plain(Use::kOnce, false)},
      {"guidance branches in one batch", low, plain(Use::kOnce, true)},
      {"own fused kernels", low, plain(Use::kOnce, true), true}};
  if (device.is_cuda()) {
    rungs.push_back({"step recorded as a graph", low, plain(Use::kOnce, true), true, true});
  }
  return rungs;
}

// A network in one number type and what it is asked.
struct Subject {
  Subject(const models::AnimateUnetConfig& config, const NetworkShape& shape,
          at::TensorOptions options)
      : weights(options), unet(config, weights::Scope(weights)) {
    const std::vector<int64_t> clip = {shape.branches, shape.frames, shape.latent, shape.latent,
                                       config.in_channels};
    const AnimateUnet::Inputs inputs = {
        .text = at::randn({shape.branches, shape.text_tokens, config.cross_attention_dim}, options),
        .image_latents = at::randn(clip, options),
        .image_embeddings = config.image_embeddings
                                ? at::randn({shape.branches, config.cross_attention_dim}, options)
                                : at::Tensor(),
        .fps = at::full({shape.branches}, 16.0, options.dtype(at::kFloat))};
    conditioning = unet.condition(inputs);
    context = unet.context(inputs);
    sample = at::randn(clip, options);
    timestep = at::full({shape.branches}, 500.0, options.dtype(at::kFloat));
  }

  RandomWeights weights;
  AnimateUnet unet;
  AnimateUnet::Conditioning conditioning;
  at::Tensor context, sample, timestep;
};

NetworkRung measure(const Subject& subject, const Rung& rung, at::Device device, int runs) {
  pipeline::NetworkRunner runner(device, pipeline::Launch::kRecorded);
  const auto step = [&] {
    if (rung.recorded) {
      runner.forward(subject.unet, subject.sample, subject.timestep, subject.conditioning.flatten(),
                     0);
    } else {
      forward_plainly(subject.unet, subject.sample, subject.timestep, subject.conditioning,
                      subject.context, rung.sampling);
    }
    tensor::synchronize(device);
  };
  std::optional<PlainKernels> plain;
  if (!rung.own_kernels) plain.emplace();
  step();
  if (rung.recorded) step();  // the second pass is recorded
  if (device.is_cuda()) tensor::reset_peak_cuda_bytes(device);
  const tensor::AllocationPeak memory;
  std::vector<double> seconds;
  for (int run = 0; run < runs; ++run) {
    const auto begin = std::chrono::steady_clock::now();
    step();
    seconds.push_back(seconds_since(begin));
  }
  return {.name = rung.name,
          .dtype = rung.dtype == at::kFloat  ? "fp32"
                   : rung.dtype == at::kHalf ? "fp16"
                                             : "bf16",
          .step_seconds = median(seconds),
          .peak_bytes = device.is_cuda() ? tensor::peak_cuda_bytes(device)
                                         : memory.peak_bytes() + subject.weights.bytes()};
}

}  // namespace

std::vector<NetworkRung> study_network(const models::AnimateUnetConfig& config,
                                       const NetworkShape& shape, at::ScalarType low_precision,
                                       at::Device device, int runs,
                                       const base::ProgressSink& progress,
                                       const base::CancelToken& cancel) {
  const std::vector<Rung> rungs = rungs_for(low_precision, device);
  std::vector<NetworkRung> results;
  std::unique_ptr<Subject> subject;
  for (const Rung& rung : rungs) {
    cancel.check();
    if (!subject || subject->sample.scalar_type() != rung.dtype) {
      subject.reset();
      subject =
          std::make_unique<Subject>(config, shape, at::TensorOptions(rung.dtype).device(device));
    }
    results.push_back(measure(*subject, rung, device, runs));
    base::report(progress, "network", static_cast<int64_t>(results.size()),
                 static_cast<int64_t>(rungs.size()));
  }
  return results;
}

}  // namespace zoetrope::bench
