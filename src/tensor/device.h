// Devices and number formats by name. Nothing here changes state; every function may be called from
// any thread. The CUDA answers live in device_cuda.cpp, their absence in device_cpu_only.cpp.
#pragma once

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <string>
#include <string_view>

#include "base/result.h"

namespace zoetrope::tensor {

// "cpu", "cuda" (= "cuda:0"), "cuda:N" or "auto" (the first GPU if there is one, else the CPU).
// Asking for a GPU this build or machine does not have is kFailedPrecondition; any other text is
// kInvalidArgument.
base::Result<at::Device> parse_device(std::string_view text);

// "fp32", "bf16" or "fp16".
base::Result<at::ScalarType> parse_dtype(std::string_view text);

// parse_dtype's inverse; torch's own name for any other.
std::string dtype_name(at::ScalarType dtype);

// What models run in when nobody says otherwise: bf16 on GPUs and on processors with bf16 dot
// products, else fp32.
at::ScalarType default_dtype(at::Device device);

// GPUs this process can use; 0 in a CPU-only build and where the driver is missing.
int cuda_device_count();

// One line for a person: name, memory, what it can do.
std::string describe_device(at::Device device);

// Waits until all work queued on the device is done; returns at once on the CPU.
void synchronize(at::Device device);

}  // namespace zoetrope::tensor
