#include "pipeline/offloaded_blocks.h"

#include <ATen/ATen.h>
#include <c10/core/Event.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <algorithm>
#include <optional>

#include "base/status.h"

namespace zoetrope::pipeline {
namespace {

constexpr int64_t kAlignment = 256;
constexpr int kPoison = 0xff;  // NaN in every floating format

}  // namespace

struct OffloadedBlocks::Queue {
  explicit Queue(at::Device device)
      : device(device), guard(device.type()), copies(guard.getStreamFromGlobalPool(device)) {}

  // `after` goes on once `before` has done what it was given until now.
  void chain(const c10::Stream& before, const c10::Stream& after) {
    c10::Event event(device.type());
    event.record(before);
    event.block(after);
  }
  c10::Stream present() const { return guard.getStream(device); }

  at::Device device;
  c10::impl::VirtualGuardImpl guard;
  c10::Stream copies;
  std::array<std::optional<c10::Event>, 2> filled;  // behind a copy of this pass, by slot
};

OffloadedBlocks::OffloadedBlocks(const OffloadPlan& plan, at::Device device, bool poison_slots)
    : plan_(plan), device_(device), poison_slots_(poison_slots) {
  if (plan.slot_bytes == 0) return;
  for (at::Tensor& slot : slots_) {
    slot = at::empty({plan.slot_bytes}, at::TensorOptions(device).dtype(at::kByte));
  }
  if (device.is_cuda()) queue_ = std::make_unique<Queue>(device);
}

OffloadedBlocks::~OffloadedBlocks() {
  if (queue_ != nullptr) queue_->guard.synchronizeStream(queue_->copies);
}

int64_t OffloadedBlocks::placed_bytes(const at::Tensor& made) {
  return (static_cast<int64_t>(made.nbytes()) + kAlignment - 1) / kAlignment * kAlignment;
}

void OffloadedBlocks::begin_block() {
  const size_t block = order_.size();
  base::require(block < plan_.resident.size(), "offload: the plan is of fewer blocks");
  if (plan_.resident[block]) {
    order_.push_back(-1);
    return;
  }
  order_.push_back(static_cast<int64_t>(streamed_.size()));
  const auto bytes = at::TensorOptions(at::kByte).pinned_memory(device_.is_cuda());
  streamed_.push_back({at::empty({plan_.block_bytes[block]}, bytes), streamed_.size() % 2, 0});
}

at::Tensor OffloadedBlocks::place(const at::Tensor& made) {
  if (order_.back() < 0) return made;
  Streamed& block = streamed_.back();
  const int64_t at = block.used;
  block.used += placed_bytes(made);
  base::require(block.used <= block.host.numel(), "offload: a block is larger than planned");
  base::require(made.is_non_overlapping_and_dense(), "offload: a weight with holes");
  const auto view = [&](const at::Tensor& bytes) {
    return bytes.narrow(0, at, static_cast<int64_t>(made.nbytes()))
        .view(made.scalar_type())
        .as_strided(made.sizes(), made.strides());
  };
  const at::Tensor held = view(slots_[block.slot]);
  at::Tensor(held).copy_(made);
  view(block.host).copy_(made);
  return held;
}

void OffloadedBlocks::finish() {
  base::require(order_.size() == plan_.resident.size(), "offload: the plan is of more blocks");
  for (size_t order = 0; order < std::min<size_t>(2, streamed_.size()); ++order) load(order);
  if (queue_ == nullptr) return;
  queue_->guard.synchronizeStream(queue_->copies);
  queue_->filled = {};
}

void OffloadedBlocks::load(size_t order) {
  const Streamed& block = streamed_[order];
  const at::Tensor slot = slots_[block.slot].narrow(0, 0, block.host.numel());
  if (queue_ == nullptr) {
    at::Tensor(slot).copy_(block.host);
    return;
  }
  queue_->chain(queue_->present(), queue_->copies);
  const c10::StreamGuard on_copies(queue_->copies);
  at::Tensor(slot).copy_(block.host, /*non_blocking=*/true);
  queue_->filled[block.slot].emplace(device_.type());
  queue_->filled[block.slot]->record(queue_->copies);
}

// Next in this slot comes the block after the next, at the end again the slot's first.
void OffloadedBlocks::release(size_t order) {
  const size_t slot = streamed_[order].slot;
  if (poison_slots_) slots_[slot].fill_(kPoison);
  const size_t next = order + 2 < streamed_.size() ? order + 2 : slot;
  if (next != order || poison_slots_) load(next);
}

at::Tensor OffloadedBlocks::run(int64_t index, const at::Tensor& x, const Block& block) {
  const int64_t order = order_.at(static_cast<size_t>(index));
  if (order >= 0 && queue_ != nullptr) {
    const auto& filled = queue_->filled[streamed_[static_cast<size_t>(order)].slot];
    if (filled) filled->block(queue_->present());
  }
  at::Tensor y = block(x);
  if (order >= 0) release(static_cast<size_t>(order));
  if (queue_ != nullptr && index + 1 == static_cast<int64_t>(order_.size())) {
    queue_->chain(queue_->copies, queue_->present());
    queue_->filled = {};
  }
  return y;
}

}  // namespace zoetrope::pipeline
