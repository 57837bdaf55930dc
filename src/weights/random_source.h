// RandomSource: initialises parameters from a seed and remembers them. The value of a parameter
// depends on (seed, name, shape) alone, not on the order in which a network asks.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <cstdint>
#include <string>

#include "weights/parameters.h"

namespace zoetrope::weights {

class RandomSource final : public ParameterSource {
 public:
  explicit RandomSource(uint64_t seed, at::ScalarType dtype = at::kFloat,
                        at::Device device = at::kCPU)
      : seed_(seed), dtype_(dtype), device_(device) {}

  at::Tensor take(const std::string& name, at::IntArrayRef shape, const Init& init) override;
  bool has(const std::string&) const override { return true; }

  // Everything taken so far; the tensors are the ones the networks hold.
  const ParameterMap& parameters() const { return parameters_; }

 private:
  uint64_t seed_;
  at::ScalarType dtype_;
  at::Device device_;
  ParameterMap parameters_;
};

}  // namespace zoetrope::weights
