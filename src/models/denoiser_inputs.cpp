#include "models/denoiser_inputs.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/status.h"

namespace zoetrope::models {

at::Tensor optional_input(const weights::ParameterMap& inputs, const std::string& name) {
  const auto found = inputs.find(name);
  return found == inputs.end() ? at::Tensor() : found->second;
}

at::Tensor take_input(const weights::ParameterMap& inputs, std::string_view family,
                      const std::string& name, const std::vector<int64_t>& shape) {
  at::Tensor input = optional_input(inputs, name);
  if (!input.defined()) {
    throw base::Error(
        base::invalid_argument(fmt::format("{}: the input '{}' is missing", family, name)));
  }
  const auto sizes = input.sizes();
  bool fits = sizes.size() == shape.size();
  for (size_t i = 0; fits && i < shape.size(); ++i) {
    fits = shape[i] == kAnySize ? sizes[i] > 0 : sizes[i] == shape[i];
  }
  if (!fits) {
    throw base::Error(base::invalid_argument(
        fmt::format("{}: the input '{}' has the shape [{}], not [{}] (-1: any)", family, name,
                    fmt::join(sizes, ", "), fmt::join(shape, ", "))));
  }
  return input;
}

}  // namespace zoetrope::models
