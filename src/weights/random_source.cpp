#include "weights/random_source.h"

#include <ATen/ATen.h>

#include <cmath>

#include "base/philox.h"
#include "base/status.h"

namespace zoetrope::weights {
namespace {

// FNV-1a: a stable 64-bit name for the noise stream (std::hash may differ between libraries).
uint64_t stream_of(const std::string& name) {
  uint64_t hash = 14695981039346656037ull;
  for (const unsigned char c : name) hash = (hash ^ c) * 1099511628211ull;
  return hash;
}

}  // namespace

Init Init::fan_in(int64_t fan_in) {
  return {Kind::kUniform, 1.0 / std::sqrt(static_cast<double>(fan_in))};
}

at::Tensor RandomSource::take(const std::string& name, at::IntArrayRef shape, const Init& init) {
  if (const auto known = parameters_.find(name); known != parameters_.end()) {
    if (known->second.sizes() != shape) {
      throw base::Error(base::StatusCode::kInternal, name + ": taken twice with different shapes");
    }
    return known->second;
  }
  at::Tensor value = at::empty(shape, at::kFloat);
  float* data = value.mutable_data_ptr<float>();
  const uint64_t stream = stream_of(name);
  for (int64_t i = 0; i < value.numel(); ++i) {
    switch (init.kind) {
      case Init::Kind::kZeros:
        data[i] = 0.0f;
        break;
      case Init::Kind::kOnes:
        data[i] = 1.0f;
        break;
      case Init::Kind::kNormal:
        data[i] = static_cast<float>(init.scale) * base::normal_at(seed_, stream, i);
        break;
      case Init::Kind::kUniform:
        data[i] = static_cast<float>(init.scale * (2.0 * base::uniform_at(seed_, stream, i) - 1.0));
        break;
    }
  }
  return parameters_[name] = value.to(device_, dtype_);
}

}  // namespace zoetrope::weights
