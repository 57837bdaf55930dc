#include "tensor/arena.h"

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>

#include <cstring>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>

#include "base/status.h"

namespace zoetrope::tensor {

struct AllocationRecord::Account {
  size_t begin(int64_t bytes) {
    const std::lock_guard lock(mutex);
    blocks.push_back({bytes, now++});
    return blocks.size() - 1;
  }
  void end(size_t block) {
    const std::lock_guard lock(mutex);
    blocks[block].end = now++;
  }

  std::mutex mutex;
  std::vector<DryRun::Block> blocks;
  int64_t now = 0;
};

struct Arena::Memory {
  Memory(ArenaPlan planned, WhenFreed freed)
      : plan(std::move(planned)),
        poisons(freed == WhenFreed::kPoison),
        whole(c10::GetDefaultCPUAllocator()->allocate(static_cast<size_t>(plan.bytes))) {}

  // The place of the next allocation, taken from now on; absent where the run is not as planned.
  std::optional<int64_t> take(int64_t bytes) {
    const std::lock_guard lock(mutex);
    const size_t i = next++;
    if (i >= plan.blocks.size() || plan.blocks[i].bytes != bytes || !is_free(i)) {
      ++strays;
      return std::nullopt;
    }
    ++placed;
    taken[plan.offsets[i]] = bytes;
    return plan.offsets[i];
  }

  void release(int64_t offset) {
    const std::lock_guard lock(mutex);
    const auto block = taken.extract(offset);
    if (poisons) std::memset(at(offset), 0xff, static_cast<size_t>(block.mapped()));
  }

  bool is_free(size_t i) const {
    const int64_t begin = plan.offsets[i], end = begin + plan.blocks[i].bytes;
    const auto behind = taken.lower_bound(end);
    if (behind == taken.begin()) return true;
    const auto& [offset, bytes] = *std::prev(behind);
    return offset + bytes <= begin;
  }

  char* at(int64_t offset) const { return static_cast<char*>(whole.get()) + offset; }

  const ArenaPlan plan;
  const bool poisons;
  const c10::DataPtr whole;
  std::mutex mutex;                  // guards the rest
  size_t next = 0;                   // of the plan's blocks
  std::map<int64_t, int64_t> taken;  // bytes by offset
  int64_t placed = 0, strays = 0;
};

namespace {

thread_local const AllocationRecord* record = nullptr;
thread_local const Arena* arena = nullptr;

}  // namespace

// In place of torch's own for the CPU, to which it turns wherever this thread is in no scope.
struct ArenaAllocator final : c10::Allocator {
  static ArenaAllocator& instance() {
    static auto* const allocator = new ArenaAllocator(c10::GetCPUAllocator());  // for good
    return *allocator;
  }

  static void install() {
    static std::once_flag once;
    std::call_once(once, [] {
      constexpr uint8_t kAboveTorchs = 1;
      c10::SetCPUAllocator(&instance(), kAboveTorchs);
    });
  }

  c10::DataPtr allocate(size_t bytes) override {
    if (bytes == 0 || (record == nullptr && arena == nullptr)) return torchs_->allocate(bytes);
    if (arena != nullptr) {
      const auto offset = arena->memory_->take(static_cast<int64_t>(bytes));
      if (!offset) return torchs_->allocate(bytes);
      const auto& memory = arena->memory_;
      return hold(memory->at(*offset), [memory, at = *offset] { memory->release(at); });
    }
    const auto own = std::make_shared<c10::DataPtr>(torchs_->allocate(bytes));
    const auto& account = record->account_;
    return hold(own->get(), [own, account, block = account->begin(static_cast<int64_t>(bytes))] {
      account->end(block);
    });
  }
  c10::DeleterFnPtr raw_deleter() const override { return &release; }
  void copy_data(void* to, const void* from, size_t bytes) const override {
    default_copy_data(to, from, bytes);
  }

 private:
  explicit ArenaAllocator(c10::Allocator* torchs) : torchs_(torchs) {}

  // Blocks are known by their address alone: oneDNN asks for them so.
  c10::DataPtr hold(void* address, std::function<void()> end) {
    const std::lock_guard lock(mutex_);
    held_[address] = std::move(end);
    return {address, address, &release, at::Device(at::kCPU)};
  }

  static void release(void* address) {
    ArenaAllocator& all = instance();
    std::unique_lock lock(all.mutex_);
    const auto held = all.held_.extract(address);
    lock.unlock();
    if (held.empty()) {
      all.torchs_->raw_deleter()(address);
    } else {
      held.mapped()();
    }
  }

  c10::Allocator* torchs_;
  std::mutex mutex_;
  std::unordered_map<void*, std::function<void()>> held_;  // how each block of a scope ends
};

AllocationRecord::AllocationRecord() : account_(std::make_shared<Account>()) {
  base::require(record == nullptr && arena == nullptr, "arena: scopes do not nest");
  ArenaAllocator::install();
  record = this;
}

AllocationRecord::~AllocationRecord() { record = nullptr; }

std::vector<DryRun::Block> AllocationRecord::blocks() const {
  const std::lock_guard lock(account_->mutex);
  return account_->blocks;
}

Arena::Arena(ArenaPlan plan, WhenFreed when_freed)
    : memory_(std::make_shared<Memory>(std::move(plan), when_freed)) {}

int64_t Arena::bytes() const { return memory_->plan.bytes; }

int64_t Arena::placed() const {
  const std::lock_guard lock(memory_->mutex);
  return memory_->placed;
}

int64_t Arena::strays() const {
  const std::lock_guard lock(memory_->mutex);
  return memory_->strays;
}

Arena::Scope::Scope(Arena& of) {
  base::require(record == nullptr && arena == nullptr, "arena: scopes do not nest");
  ArenaAllocator::install();
  {
    const std::lock_guard lock(of.memory_->mutex);
    of.memory_->next = 0;
  }
  arena = &of;
}

Arena::Scope::~Scope() { arena = nullptr; }

}  // namespace zoetrope::tensor
