// For the families' denoiser.cpp: inputs by name.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "weights/parameters.h"

namespace zoetrope::models {

inline constexpr int64_t kAnySize = -1;  // but 0

// The input `name`, whose sizes are `shape` where that is not kAnySize. Throws
// base::Error(kInvalidArgument) naming family, input and shapes.
at::Tensor take_input(const weights::ParameterMap& inputs, std::string_view family,
                      const std::string& name, const std::vector<int64_t>& shape);

// Undefined where there is none.
at::Tensor optional_input(const weights::ParameterMap& inputs, const std::string& name);

}  // namespace zoetrope::models
