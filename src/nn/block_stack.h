// BlockStack: the loop over a network's blocks, seen from the network. Every block of the form
// x -> x + f(x) is handed to the stack, which runs it or does something else in its place
// (diffusion/block_cache.h adds an earlier f(x)). A network without a stack runs its blocks itself.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>

namespace zoetrope::nn {

class BlockStack {
 public:
  using Block = std::function<at::Tensor(const at::Tensor& x)>;  // keeps shape and dtype

  virtual ~BlockStack() = default;
  // `index` counts the blocks of one forward pass from 0, the same in every pass.
  virtual at::Tensor run(int64_t index, const at::Tensor& x, const Block& block) = 0;
};

}  // namespace zoetrope::nn
