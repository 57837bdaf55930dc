#include "train/flat_parameters.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "base/status.h"

namespace zoetrope::train {
namespace {

// The shape in memory order: convolution kernels [out, in, kh, kw] lie as [out, kh, kw, in].
at::Tensor in_memory_order(const at::Tensor& t) {
  return t.dim() == 4 ? t.permute({0, 2, 3, 1}) : t;
}

}  // namespace

FlatParameters::FlatParameters(const weights::ParameterMap& initial, at::ScalarType compute_dtype,
                               at::Device device) {
  int64_t offset = 0;
  for (const bool decayed : {true, false}) {
    for (const auto& [name, value] : initial) {
      if ((value.dim() > 1) != decayed) continue;
      slots_.push_back({name, value.sizes().vec(), offset, value.numel()});
      offset += value.numel();
    }
    if (decayed) decayed_size_ = offset;
  }
  masters_ = at::empty({offset}, at::TensorOptions(at::kFloat).device(device));
  compute_ = at::empty({offset}, at::TensorOptions(compute_dtype).device(device));
  for (const Slot& slot : slots_) view(masters_, slot).copy_(initial.at(slot.name));
  for (const Slot& slot : slots_) {
    leaves_[slot.name] = view(compute_, slot).requires_grad_(true);
  }
  refresh_leaves();
}

at::Tensor FlatParameters::view(const at::Tensor& flat, const Slot& slot) const {
  const at::Tensor part = flat.narrow(0, slot.offset, slot.numel);
  if (slot.shape.size() != 4) return part.view(slot.shape);
  const auto& s = slot.shape;
  return part.view({s[0], s[2], s[3], s[1]}).permute({0, 3, 1, 2});
}

void FlatParameters::refresh_leaves() { compute_.copy_(masters_); }

at::Tensor FlatParameters::flatten_gradients(const std::vector<at::Tensor>& gradients) const {
  std::vector<at::Tensor> parts;
  parts.reserve(gradients.size());
  for (size_t i = 0; i < gradients.size(); ++i) {
    // A parameter that took no part in the loss (an unused branch) has no gradient.
    parts.push_back(gradients[i].defined() ? in_memory_order(gradients[i]).reshape({-1})
                                           : at::zeros({slots_[i].numel}, compute_.options()));
  }
  return at::cat(parts).to(at::kFloat);
}

std::vector<at::Tensor> FlatParameters::leaf_list() const {
  std::vector<at::Tensor> list;
  list.reserve(slots_.size());
  for (const Slot& slot : slots_) list.push_back(leaves_.at(slot.name));
  return list;
}

weights::ParameterMap FlatParameters::views(const at::Tensor& flat) const {
  weights::ParameterMap map;
  for (const Slot& slot : slots_) map[slot.name] = view(flat, slot);
  return map;
}

at::Tensor MapSource::take(const std::string& name, at::IntArrayRef shape, const weights::Init&) {
  const auto found = map_.find(name);
  if (found == map_.end()) throw base::Error(base::not_found("no parameter named " + name));
  if (found->second.sizes() != shape) {
    throw base::Error(base::data_loss("parameter " + name + " has another shape"));
  }
  return found->second;
}

}  // namespace zoetrope::train
