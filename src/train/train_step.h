// TrainStep: one optimiser step as a unit that runs eagerly on a CPU and as a captured CUDA graph
// on a GPU. All randomness of a step is a function of (seed, step): a resumed run draws what the
// uninterrupted one would have drawn.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tensor/graph_capture.h"
#include "train/adamw.h"

namespace zoetrope::train {

// What the host decides before a step, in tensors that stay at one address.
struct StepInputs {
  at::Tensor learning_rate;  // [] fp32
  at::Tensor ema_rate;       // [] fp32
  at::Tensor noise_key;      // int64 [2]: seed and step, for tensor::gaussian_noise_
  at::Tensor indices;        // int64, whatever the loss needs
  at::Tensor scalars;        // fp32, whatever the loss needs
};

class TrainStep {
 public:
  // Returns the loss to differentiate first, then any figures to report; all [] fp32.
  using LossFunction = std::function<std::vector<at::Tensor>(const StepInputs&)>;

  // `indices` and `scalars`: how many of each the loss reads. `memory`: tensors, by name, that the
  // loss writes in place for steps to come.
  TrainStep(FlatParameters& parameters, FlatAdamW& optimiser, LossFunction loss, int64_t indices,
            int64_t scalars, std::map<std::string, at::Tensor> memory = {});

  struct Draw {
    double learning_rate = 0.0;
    double ema_rate = 0.0;
    uint64_t seed = 0;
    int64_t step = 0;
    std::vector<int64_t> indices;
    std::vector<float> scalars;
  };
  // Runs one step. On a GPU the first call captures the graph, which trains nothing extra.
  void run(const Draw& draw);

  // All tensors that make a run resumable: the optimiser's and the loss's own; restored in place.
  std::map<std::string, at::Tensor> state() const;

  // Figures of the last step, then the gradient norm; reading them waits for the device.
  std::vector<double> figures() const;

 private:
  void body();
  void capture();

  FlatParameters& parameters_;
  FlatAdamW& optimiser_;
  LossFunction loss_;
  std::map<std::string, at::Tensor> memory_;
  StepInputs inputs_;
  at::Tensor figures_;  // [k] fp32
  std::optional<tensor::CapturedGraph> graph_;
};

}  // namespace zoetrope::train
