// For the families' denoiser.cpp: inputs by name.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>

#include "base/status.h"
#include "weights/parameters.h"

namespace zoetrope::models {

// Undefined where there is none.
inline at::Tensor optional_input(const weights::ParameterMap& inputs, const std::string& name) {
  const auto found = inputs.find(name);
  return found == inputs.end() ? at::Tensor() : found->second;
}

// Throws base::Error(kInvalidArgument) naming the input.
inline at::Tensor required_input(const weights::ParameterMap& inputs, const std::string& name) {
  at::Tensor input = optional_input(inputs, name);
  if (!input.defined()) throw base::Error(base::invalid_argument(name + ": the network needs it"));
  return input;
}

}  // namespace zoetrope::models
