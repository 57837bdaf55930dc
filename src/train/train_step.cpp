#include "train/train_step.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

#include <map>

namespace zoetrope::train {

TrainStep::TrainStep(FlatParameters& parameters, FlatAdamW& optimiser, LossFunction loss,
                     int64_t indices, int64_t scalars, std::map<std::string, at::Tensor> memory)
    : parameters_(parameters),
      optimiser_(optimiser),
      loss_(std::move(loss)),
      memory_(std::move(memory)) {
  const auto device = parameters.masters().device();
  const auto floats = at::TensorOptions(at::kFloat).device(device);
  const auto integers = at::TensorOptions(at::kLong).device(device);
  inputs_ = {at::zeros({}, floats), at::zeros({}, floats), at::zeros({2}, integers),
             at::zeros({indices}, integers), at::zeros({scalars}, floats)};
}

void TrainStep::run(const Draw& draw) {
  inputs_.learning_rate.fill_(draw.learning_rate);
  inputs_.ema_rate.fill_(draw.ema_rate);
  const std::vector<int64_t> key = {static_cast<int64_t>(draw.seed), draw.step};
  inputs_.noise_key.copy_(at::tensor(key, at::kLong));
  inputs_.indices.copy_(at::tensor(draw.indices, at::kLong));
  inputs_.scalars.copy_(at::tensor(draw.scalars, at::kFloat));
  if (!parameters_.masters().is_cuda()) return body();
  if (!graph_) capture();
  graph_->replay();
}

void TrainStep::body() {
  const std::vector<at::Tensor> outputs = loss_(inputs_);
  const auto gradients =
      torch::autograd::grad({outputs.front()}, parameters_.leaf_list(), /*grad_outputs=*/{},
                            /*retain_graph=*/std::nullopt, /*create_graph=*/false,
                            /*allow_unused=*/true);
  const at::Tensor norm = optimiser_.step(gradients, inputs_.learning_rate, inputs_.ema_rate);
  std::vector<at::Tensor> figures;
  figures.reserve(outputs.size() + 1);
  for (const at::Tensor& t : outputs) figures.push_back(t.detach());
  figures.push_back(norm);
  const at::Tensor stacked = at::stack(figures);
  // One address for all replays and reads.
  if (figures_.defined()) {
    figures_.copy_(stacked);
  } else {
    figures_ = stacked.clone();
  }
}

void TrainStep::capture() {
  // Shapes never change: let cuDNN time its convolutions in the warm-up. Its attention is left out:
  // its backward fails on many short sequences (65,536 of 16 tokens).
  at::globalContext().setBenchmarkCuDNN(true);
  at::globalContext().setSDPUseCuDNN(false);
  // Warm-up steps really train: put everything back as it was.
  std::map<std::string, at::Tensor> saved;
  for (const auto& [name, tensor] : state()) saved[name] = tensor.clone();
  graph_ = tensor::CapturedGraph::capture([this] { body(); });
  for (auto& [name, tensor] : state()) tensor.copy_(saved.at(name));
  parameters_.refresh_leaves();
}

std::map<std::string, at::Tensor> TrainStep::state() const {
  auto all = optimiser_.state();
  all.insert(memory_.begin(), memory_.end());
  return all;
}

std::vector<double> TrainStep::figures() const {
  const at::Tensor host = figures_.to(at::kCPU, at::kDouble);
  return {host.data_ptr<double>(), host.data_ptr<double>() + host.numel()};
}

}  // namespace zoetrope::train
