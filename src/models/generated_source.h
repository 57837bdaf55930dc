// Weights of parity fixtures that hold none: a formula that tests/oracles/model_fixtures.py repeats
// (generated_values). For tests only.
#pragma once

#include <ATen/ATen.h>

#include <bit>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>

#include "base/status.h"
#include "weights/parameters.h"

namespace zoetrope::models {

class GeneratedSource final : public weights::ParameterSource {
 public:
  // parameters: {name: shape}, as the reference has them.
  GeneratedSource(nlohmann::json parameters, at::ScalarType dtype)
      : parameters_(std::move(parameters)), dtype_(dtype) {}

  at::Tensor take(const std::string& name, at::IntArrayRef shape, const weights::Init&) override {
    if (!has(name)) throw base::Error(base::StatusCode::kNotFound, name + ": no such parameter");
    if (parameters_.at(name) != nlohmann::json(shape.vec())) {
      throw base::Error(base::StatusCode::kDataLoss,
                        name + ": the reference's shape is " + parameters_.at(name).dump());
    }
    taken_.insert(name);
    return values(name, shape).to(dtype_);
  }
  bool has(const std::string& name) const override { return parameters_.contains(name); }

  base::Status expect_all_used(const std::set<std::string>& allowed = {}) const {
    for (const auto& [name, shape] : parameters_.items()) {
      if (!taken_.contains(name) && !allowed.contains(name))
        return base::data_loss(name + ": not used");
    }
    return {};
  }

 private:
  static uint64_t mixed(uint64_t z) {  // splitmix64
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }

  static at::Tensor values(const std::string& name, at::IntArrayRef shape) {
    uint64_t seed = 0xCBF29CE484222325u;
    for (const char byte : name)
      seed = (seed ^ static_cast<uint8_t>(byte)) * 0x100000001B3u;  // FNV-1a
    const at::Tensor made = at::empty(shape, at::kFloat);
    float* out = made.data_ptr<float>();
    const int64_t count = made.numel();
    const double scale =
        shape.size() > 1
            ? std::exp2(std::ceil(-std::log2(static_cast<double>(count / shape[0])) / 2))
            : 0.25;
    const bool norm = shape.size() == 1 && name.ends_with("weight");
    for (int64_t i = 0; i < count; ++i) {
      const uint64_t z = mixed(seed + static_cast<uint64_t>(i + 1) * 0x9E3779B97F4A7C15u);
      const double unit = (static_cast<double>(z >> 56) - 128) / 128;
      out[i] = static_cast<float>(norm ? 1 + std::floor(unit * 16) / 64 : unit * scale);
    }
    return made;
  }

  nlohmann::json parameters_;
  at::ScalarType dtype_;
  std::set<std::string> taken_;
};

}  // namespace zoetrope::models
