// How the weight of a linear layer is held. What stands between a checkpoint's source, which may
// ask for a format, and the op that runs it; neither knows the other.
#pragma once

#include <string_view>

namespace zoetrope::tensor {

enum class WeightFormat {
  kPlain,  // the activations' dtype
  kFp8,    // float8_e4m3fn with a scale for each output; the activations are quantised too
  kInt8,   // 8 bits with a scale for each output; weight only
  kInt4,   // 4 bits with a scale for every 64 inputs of an output; weight only
};

// "plain", "fp8", "int8", "int4"
std::string_view to_string(WeightFormat format);

}  // namespace zoetrope::tensor
