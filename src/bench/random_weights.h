// Weights for measurements of sizes whose checkpoint is not at hand.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <string>

#include "weights/parameters.h"

namespace zoetrope::bench {

// Small random numbers, drawn where they will be used: a billion of them take seconds on a GPU.
class RandomWeights final : public weights::ParameterSource {
 public:
  explicit RandomWeights(at::TensorOptions options) : options_(options) {}
  at::Tensor take(const std::string&, at::IntArrayRef shape, const weights::Init& init) override {
    at::Tensor value = init.kind == weights::Init::Kind::kOnes
                           ? at::ones(shape, options_)
                           : at::empty(shape, options_).normal_(0, 0.02);
    bytes_ += static_cast<int64_t>(value.nbytes());
    return value;
  }
  bool has(const std::string&) const override { return true; }
  int64_t bytes() const { return bytes_; }

 private:
  at::TensorOptions options_;
  int64_t bytes_ = 0;
};

}  // namespace zoetrope::bench
