#include <ATen/core/Tensor.h>

#include <cstdlib>

namespace zoetrope::ops {

at::Device kernel_device() { return {at::kCUDA, 0}; }
// Not under compute-sanitizer, which takes a hundred times as long.
bool runs_big_problems() { return std::getenv("ZOETROPE_SMALL_PROBLEMS") == nullptr; }

}  // namespace zoetrope::ops
