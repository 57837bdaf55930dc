// What device.cpp asks of the CUDA build or of its stub.
#pragma once

#include <string>

namespace zoetrope::tensor {

std::string describe_cuda_device(int index);
void synchronize_cuda_device(int index);

}  // namespace zoetrope::tensor
