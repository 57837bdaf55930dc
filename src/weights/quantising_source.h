// QuantisingSource: has the linear layers of a transformer's blocks hold their weights in another
// format. What it hands out is what `source` has; the layers quantise it themselves, one after the
// other, as they take it, so that never more than one layer is there twice.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "tensor/weight_format.h"
#include "weights/parameters.h"

namespace zoetrope::weights {

// Which layers take part, by the parts of their names between the dots; a `*` at the end of a part
// stands for anything. Embedders, modulations, the final layer, routers and whatever a norm is made
// of steer everything else and cost next to nothing, so they keep their precision.
struct LinearPolicy {
  tensor::WeightFormat format = tensor::WeightFormat::kPlain;
  // The first part is one of these,
  std::vector<std::string> stacks = {"blocks", "transformer_blocks", "single_transformer_blocks",
                                     "double_stream_blocks", "single_stream_blocks"};
  // and none is one of these.
  std::vector<std::string> kept = {"norm*", "adaLN_modulation", "gate"};

  tensor::WeightFormat format_of(const std::string& path) const;
};

class QuantisingSource final : public ParameterSource {
 public:
  // `source` must outlive this.
  QuantisingSource(ParameterSource& source, LinearPolicy policy)
      : source_(source), policy_(std::move(policy)) {}

  at::Tensor take(const std::string& name, at::IntArrayRef shape, const Init& init) override {
    return source_.take(name, shape, init);
  }
  bool has(const std::string& name) const override { return source_.has(name); }
  at::Tensor keep(const std::string& path, const at::Tensor& made) override {
    return source_.keep(path, made);
  }
  tensor::WeightFormat format_of(const std::string& path) const override {
    return policy_.format_of(path);
  }

 private:
  ParameterSource& source_;
  LinearPolicy policy_;
};

}  // namespace zoetrope::weights
