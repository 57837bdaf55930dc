// Weights for measurements of sizes whose checkpoint is not at hand.
#pragma once

#include <ATen/ATen.h>
#include <ATen/Context.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "weights/parameters.h"

namespace zoetrope::bench {

// Normal random numbers that belong to `name`, drawn where they will be used: a billion of them
// take seconds on a GPU. torch's generator seeded with the name's FNV-1a, so that the same version
// of torch draws the same on the same kind of device elsewhere too
// (bench/peers/diffusers_model.py). Reseeds torch's default generators.
inline at::Tensor named_normal(std::string_view name, at::IntArrayRef shape, double std,
                               at::TensorOptions options) {
  uint64_t seed = 0xCBF29CE484222325u;
  for (const char byte : name) seed = (seed ^ static_cast<uint8_t>(byte)) * 0x100000001B3u;
  at::manual_seed(seed >> 1);  // Python's takes 63 bits as they are
  return at::empty(shape, options).normal_(0, std);
}

// Scales of norms are ones, all else is small.
class RandomWeights final : public weights::ParameterSource {
 public:
  explicit RandomWeights(at::TensorOptions options) : options_(options) {}
  at::Tensor take(const std::string& name, at::IntArrayRef shape,
                  const weights::Init& init) override {
    at::Tensor value = init.kind == weights::Init::Kind::kOnes
                           ? at::ones(shape, options_)
                           : named_normal(name, shape, 0.02, options_);
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
