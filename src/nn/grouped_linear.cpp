#include "nn/grouped_linear.h"

#include <ATen/ATen.h>

#include "ops/quantised_weight.h"

namespace zoetrope::nn {
namespace {

using ops::LinearWeight;
using ops::WeightFormat;
using weights::Scope;

LinearWeight take(const Scope& layer, int64_t in, int64_t out) {
  LinearWeight w;
  w.weight = layer.take("weight", {out, in}, weights::Init::fan_in(in));
  const WeightFormat format = layer.format();
  const bool plain =
      format == WeightFormat::kPlain || w.weight.requires_grad() || !ops::holds(format, out, in);
  return plain ? w : ops::quantise(w, format);
}

at::Tensor stacked(const std::vector<LinearWeight>& groups, at::Tensor LinearWeight::*member) {
  std::vector<at::Tensor> parts;
  parts.reserve(groups.size());
  for (const LinearWeight& group : groups) parts.push_back(group.*member);
  return at::stack(parts);
}

// As plain weights.
ops::GroupedWeight dequantised(const std::vector<LinearWeight>& groups) {
  std::vector<at::Tensor> parts;
  parts.reserve(groups.size());
  for (const LinearWeight& group : groups) {
    const bool plain = group.format == WeightFormat::kPlain;
    parts.push_back(plain ? group.weight : ops::dequantise(group, group.result_dtype()));
  }
  return {.weight = at::stack(parts), .scale = {}};
}

}  // namespace

GroupedLinear::GroupedLinear(const std::vector<Scope>& groups,
                             const std::vector<std::string_view>& names, int64_t in,
                             int64_t out_each) {
  for (const Scope& group : groups) {
    std::vector<LinearWeight> layers;
    layers.reserve(names.size());
    for (const std::string_view name : names) layers.push_back(take(group.sub(name), in, out_each));
    groups_.push_back(ops::join_linears(layers));
  }
  if (groups_.front().weight.requires_grad()) return;
  const WeightFormat format = groups_.front().format;
  if (format != WeightFormat::kPlain && format != WeightFormat::kFp8) {
    for (size_t i = 0; i < groups.size(); ++i) {
      const Scope kept = groups[i].sub(names.front());
      groups_[i].weight = kept.sub("weight").keep(groups_[i].weight);
      groups_[i].scale = kept.sub("weight_scale").keep(groups_[i].scale);
    }
    return;
  }
  const Scope kept = groups.front().sub(names.front());
  weight_.dtype = groups_.front().result_dtype();
  weight_.weight = kept.sub("weight").keep(stacked(groups_, &LinearWeight::weight));
  if (format == WeightFormat::kFp8) {
    weight_.scale = kept.sub("weight_scale").keep(stacked(groups_, &LinearWeight::scale));
  }
  groups_.clear();
}

at::Tensor GroupedLinear::operator()(const ops::Rows& x, const at::Tensor& ends) const {
  return ops::grouped_linear(x, groups_.empty() ? weight_ : dequantised(groups_), ends);
}

}  // namespace zoetrope::nn
