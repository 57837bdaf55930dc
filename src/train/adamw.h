// FlatAdamW: AdamW (Loshchilov & Hutter 1711.05101; torch's fused kernel) on FlatParameters, with
// clipping by the global gradient norm and an exponential moving average of the weights.
//
// Everything that changes from step to step lives in device tensors, so step() can be captured in a
// CUDA graph: the caller writes the learning rate and the EMA weight before each replay.
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <string>
#include <vector>

#include "train/flat_parameters.h"

namespace zoetrope::train {

struct AdamWOptions {
  double beta1 = 0.9;
  double beta2 = 0.99;
  double eps = 1e-8;
  double weight_decay = 0.01;
  double clip_norm = 1.0;
};

class FlatAdamW {
 public:
  FlatAdamW(FlatParameters& parameters, const AdamWOptions& options);

  // One update from gradients in leaf order. learning_rate and ema_rate: fp32 scalars ([]) on the
  // parameters' device; the average moves by ema_rate towards the new masters. Returns the norm of
  // the gradients before clipping ([] fp32).
  at::Tensor step(const std::vector<at::Tensor>& gradients, const at::Tensor& learning_rate,
                  const at::Tensor& ema_rate);

  const at::Tensor& ema() const { return ema_; }  // fp32, flat
  // The tensors that, with the masters, make a run resumable; restored in place.
  std::map<std::string, at::Tensor> state() const;

 private:
  void update(int64_t begin, int64_t length, double weight_decay, const at::Tensor& gradients,
              const at::Tensor& learning_rate, const at::Tensor& scale, const at::Tensor& steps);

  FlatParameters& parameters_;
  AdamWOptions options_;
  at::Tensor first_moment_, second_moment_, ema_;
  // One counter a weight group: the kernel does not advance them by itself.
  at::Tensor steps_decayed_, steps_plain_;
};

}  // namespace zoetrope::train
