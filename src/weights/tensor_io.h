// Tensors from and to safetensors files.
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <string>

#include "base/result.h"
#include "weights/parameters.h"
#include "weights/safetensors.h"

namespace zoetrope::weights {

at::ScalarType scalar_type_of(ElementType type);

// `entry` of `file` as a CPU tensor that shares the mapping's memory and keeps it alive. Writing to
// it changes neither the file nor other openings of it. Copied only if the file left it unaligned.
at::Tensor tensor_of(const SafetensorsFile& file, const TensorEntry& entry);

// Every tensor of the file at `path`, on the CPU, in the dtypes it has there.
base::Result<ParameterMap> load_tensors(const std::string& path);

// Writes tensors of any device and layout, see write_safetensors. kInvalidArgument for dtypes the
// format lacks (complex, quantised).
base::Status save_tensors(const std::string& path, const ParameterMap& tensors,
                          const std::map<std::string, std::string>& metadata = {},
                          bool sync = false);

}  // namespace zoetrope::weights
