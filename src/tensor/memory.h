// How much memory was used: by the process, by a GPU, by a piece of code.
#pragma once

#include <cstdint>
#include <memory>

#include "tensor/tensor.h"

namespace zoetrope::tensor {

// Highest resident size of this process so far (VmHWM), in bytes; 0 where /proc is missing.
int64_t peak_process_bytes();

// Highest sum of live tensor bytes on the GPU since the last reset_peak_cuda_bytes(), as counted by
// torch's caching allocator. Throws Error(kFailedPrecondition) in a build without CUDA.
int64_t peak_cuda_bytes(at::Device device);
// Most memory that the allocator held of the GPU in that time, tensors' or not.
int64_t peak_reserved_cuda_bytes(at::Device device);
void reset_peak_cuda_bytes(at::Device device);

// Counts the tensor bytes this thread (and backward passes it starts) allocates while the object
// lives: for tests that bound the memory of an operation. Blocks allocated before and freed inside
// the scope are not counted. Scopes nest; an inner one hides its allocations from the outer one.
class AllocationPeak {
 public:
  AllocationPeak();
  ~AllocationPeak();
  AllocationPeak(const AllocationPeak&) = delete;
  AllocationPeak& operator=(const AllocationPeak&) = delete;

  int64_t peak_bytes() const;   // most bytes live at one time
  int64_t live_bytes() const;   // bytes live now
  int64_t total_bytes() const;  // sum of all allocations

 private:
  class Counter;
  std::shared_ptr<Counter> counter_;
  struct Guard;
  std::unique_ptr<Guard> guard_;
};

}  // namespace zoetrope::tensor
