#include "tensor/weight_format.h"

#include <array>

namespace zoetrope::tensor {
namespace {

constexpr std::array<std::string_view, 4> kNames = {"plain", "fp8", "int8", "int4"};

}  // namespace

std::string_view to_string(WeightFormat format) { return kNames.at(static_cast<size_t>(format)); }

}  // namespace zoetrope::tensor
