// DryRun: what memory a computation takes, found by running it on shapes alone. Inside its scope
// tensors of the meta device stand for those of another: every operation allocates what it would
// there and computes nothing, and the scope keeps an account of each block from its allocation to
// its release. A network of meta weights so tells its needs before a weight is read.
//
// Blocks are those of torch's operations as LibTorch's meta kernels have them (meta_kernels.h adds
// what it leaves to Python), and of our own kernels, which take meta tensors for their own and skip
// the launch (ops/cuda_device.cuh). Where the meta device stands for the CPU, what the computation
// allocates on the CPU itself counts too. What a library takes besides torch's allocators does not.
//
// Belongs to the thread that made it; the tensors may outlive it. One at a time on a thread.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

namespace zoetrope::tensor {

class DryRun {
 public:
  explicit DryRun(at::Device stands_for);
  ~DryRun();
  DryRun(const DryRun&) = delete;
  DryRun& operator=(const DryRun&) = delete;

  // A block lives in [begin, end): moments counted by allocations and releases.
  struct Block {
    static constexpr int64_t kLives = std::numeric_limits<int64_t>::max();
    int64_t bytes, begin, end = kLives;
  };
  // In order of allocation.
  std::vector<Block> blocks() const;
  int64_t now() const;
  int64_t live_bytes() const;
  // Most bytes live at one time, from a moment on.
  int64_t peak_bytes(int64_t since = 0) const;

 private:
  friend at::Device stands_for(at::Device device);
  struct Account;
  friend struct MetaAllocator;

  at::Device stands_for_;
  std::shared_ptr<Account> account_;
  struct HostGuard;
  std::unique_ptr<HostGuard> host_;
};

// Most bytes of `blocks` that live at one time, from a moment on.
int64_t peak_bytes(const std::vector<DryRun::Block>& blocks, int64_t since = 0);

// Is this thread inside a dry run?
bool in_dry_run();

// The device that work on `device` is for: in a dry run, of the meta device, that which it stands
// for; else itself.
at::Device stands_for(at::Device device);

// The tensor on the CPU. In a dry run of a GPU: memory of the host, which nothing was written to;
// of the CPU: itself.
at::Tensor to_host(const at::Tensor& tensor);

// The numbers in a tensor of int64. In a dry run, where they decide how much memory is taken, the
// `most_costly` that each could be. Throws CannotRecord (tensor/graph_capture.h) where a GPU's work
// is being recorded.
std::vector<int64_t> to_numbers(const at::Tensor& tensor, int64_t most_costly);

}  // namespace zoetrope::tensor
