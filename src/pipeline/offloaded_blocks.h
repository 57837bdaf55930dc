// OffloadedBlocks: the weights of a network's blocks in host memory and on their device, and the
// stack that brings them there in time. Internal to offload.cpp, which says what for.
//
// Streamed blocks take the slots in turn. A slot is copied into once the block that used it has
// run: the copy stream waits for an event behind that block, and the block that comes for an event
// behind the copy. A pass begins and ends with the first two streamed blocks in the slots and
// nothing under way, so that it may be recorded as a CUDA graph.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "nn/block_stack.h"
#include "pipeline/offload.h"

namespace zoetrope::pipeline {

class OffloadedBlocks final : public nn::BlockStack {
 public:
  OffloadedBlocks(const OffloadPlan& plan, at::Device device, bool poison_slots);
  ~OffloadedBlocks() override;

  // What a tensor takes in a block.
  static int64_t placed_bytes(const at::Tensor& made);

  // Making: each block is begun, then given its tensors; finish() after the last. place() answers
  // with the tensor that the layer is to hold; until the next block is begun it has its contents.
  void begin_block();
  at::Tensor place(const at::Tensor& made);
  void finish();

  at::Tensor run(int64_t index, const at::Tensor& x, const Block& block) override;

 private:
  struct Streamed {
    at::Tensor host;  // bytes, pinned where the device is a GPU
    size_t slot = 0;
    int64_t used = 0;
  };
  struct Queue;  // the copy stream

  void release(size_t order);  // the streamed block has run
  void load(size_t order);

  OffloadPlan plan_;
  at::Device device_;
  bool poison_slots_;
  std::array<at::Tensor, 2> slots_;  // bytes
  std::vector<Streamed> streamed_;   // in the order of the blocks
  std::vector<int64_t> order_;       // of each block among the streamed ones; -1: resident
  std::unique_ptr<Queue> queue_;     // of a GPU
};

}  // namespace zoetrope::pipeline
