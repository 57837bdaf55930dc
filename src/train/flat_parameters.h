// FlatParameters: all trainable parameters of one or more networks in a few flat buffers, so that
// an optimiser step is a handful of kernels, however many layers there are, and can be captured in
// a CUDA graph.
//
// Master weights are fp32. The networks compute with views into a buffer of another dtype (bf16 on
// a GPU), refreshed from the masters after each step: gradients arrive in that dtype. Convolution
// kernels are laid out channels-last, which the convolution libraries want. Weights with two or
// more dimensions come first: only they decay.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "weights/parameters.h"

namespace zoetrope::train {

class FlatParameters {
 public:
  // Copies `initial` (any dtype and device) into fresh masters on `device`.
  FlatParameters(const weights::ParameterMap& initial, at::ScalarType compute_dtype,
                 at::Device device);

  int64_t size() const { return masters_.numel(); }
  int64_t decayed_size() const { return decayed_size_; }
  at::Tensor& masters() { return masters_; }  // fp32 [size]
  const at::Tensor& masters() const { return masters_; }

  // The leaves a network is built on: views of the compute buffer that require gradients.
  const weights::ParameterMap& leaves() const { return leaves_; }
  // Copies the masters into the compute buffer.
  void refresh_leaves();
  // The gradients of the leaves, in leaf order, as one flat fp32 tensor laid out as the masters.
  at::Tensor flatten_gradients(const std::vector<at::Tensor>& gradients) const;
  // The leaves in flat order, to hand to autograd.
  std::vector<at::Tensor> leaf_list() const;

  // Named views, in the usual shapes, of any buffer laid out as the masters (the EMA, say).
  weights::ParameterMap views(const at::Tensor& flat) const;

 private:
  struct Slot {
    std::string name;
    std::vector<int64_t> shape;
    int64_t offset;
    int64_t numel;
  };
  at::Tensor view(const at::Tensor& flat, const Slot& slot) const;

  std::vector<Slot> slots_;
  int64_t decayed_size_ = 0;
  at::Tensor masters_;
  at::Tensor compute_;
  weights::ParameterMap leaves_;
};

// Hands out existing tensors by name: how a network is built on leaves or on EMA views.
class MapSource final : public weights::ParameterSource {
 public:
  explicit MapSource(const weights::ParameterMap& map) : map_(map) {}
  at::Tensor take(const std::string& name, at::IntArrayRef shape,
                  const weights::Init& init) override;
  bool has(const std::string& name) const override { return map_.contains(name); }

 private:
  const weights::ParameterMap& map_;
};

}  // namespace zoetrope::train
