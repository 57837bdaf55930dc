#include "tensor/dry_run.h"

#include <ATen/ATen.h>
#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "base/dry_run.h"
#include "base/status.h"
#include "tensor/graph_capture.h"
#include "tensor/meta_kernels.h"

namespace zoetrope::tensor {

namespace {

thread_local const DryRun* current = nullptr;

// Torch's allocators: the one for GPUs hands out multiples of this, that for the CPU any size.
constexpr int64_t kCudaUnit = 512;

}  // namespace

// Where the CPU is meant, what really is allocated there (tables made once, pictures) counts too.
struct DryRun::Account final : c10::MemoryReportingInfoBase {
  explicit Account(at::Device stands_for)
      : unit(stands_for.is_cuda() ? kCudaUnit : 1), counts_host(stands_for.is_cpu()) {}

  void reportMemoryUsage(void* pointer, int64_t bytes, size_t, size_t, c10::Device) override {
    if (bytes > 0) {
      const size_t block = add(bytes);
      const std::lock_guard lock(mutex);
      on_host[pointer] = block;
    } else {
      std::unique_lock lock(mutex);
      const auto block = on_host.extract(pointer);
      lock.unlock();
      if (!block.empty()) release(block.mapped());
    }
  }
  bool memoryProfilingEnabled() const override { return counts_host; }

  size_t add(int64_t bytes) {
    const std::lock_guard lock(mutex);
    blocks.push_back({(bytes + unit - 1) / unit * unit, now++});
    return blocks.size() - 1;
  }
  void release(size_t block) {
    const std::lock_guard lock(mutex);
    blocks[block].end = now++;
  }

  const int64_t unit;  // sizes are multiples of this
  const bool counts_host;
  std::mutex mutex;  // guards all below
  std::vector<Block> blocks;
  std::unordered_map<void*, size_t> on_host;
  int64_t now = 0;
};

// In place of torch's own, whose blocks are all nothing. Blocks have addresses of their own, which
// no processor can read: operations ask whether tensors overlap, kernels how they are aligned.
struct MetaAllocator final : c10::Allocator {
  c10::DataPtr allocate(size_t bytes) override {
    if (current == nullptr || bytes == 0) return {nullptr, at::Device(at::kMeta)};
    const auto& account = current->account_;
    auto* held = new Held{account, account->add(static_cast<int64_t>(bytes))};
    const uintptr_t address = next_.fetch_add((bytes + kCudaUnit - 1) / kCudaUnit * kCudaUnit);
    return {reinterpret_cast<void*>(address), held, &release, at::Device(at::kMeta)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &release; }
  void copy_data(void*, const void*, size_t) const override {}

 private:
  struct Held {
    std::shared_ptr<DryRun::Account> account;
    size_t block;
  };
  std::atomic<uintptr_t> next_ = uintptr_t{1} << 56;

  static void release(void* context) {
    const std::unique_ptr<Held> held(static_cast<Held*>(context));
    if (held != nullptr) held->account->release(held->block);
  }
};

namespace {

void install() {
  static MetaAllocator allocator;
  static std::once_flag once;
  std::call_once(once, [] {
    constexpr uint8_t kAboveTorchs = 1;
    c10::SetAllocator(at::kMeta, &allocator, kAboveTorchs);
    register_meta_kernels();
  });
}

}  // namespace

struct DryRun::HostGuard {
  explicit HostGuard(std::shared_ptr<c10::DebugInfoBase> account)
      : guard(c10::DebugInfoKind::PROFILER_STATE, std::move(account)) {}
  c10::DebugInfoGuard guard;
};

DryRun::DryRun(at::Device stands_for)
    : stands_for_(stands_for),
      account_(std::make_shared<Account>(stands_for)),
      host_(std::make_unique<HostGuard>(account_)) {
  base::require(current == nullptr, "a dry run inside a dry run");
  install();
  current = this;
  base::in_dry_run = true;
}

DryRun::~DryRun() {
  current = nullptr;
  base::in_dry_run = false;
}

std::vector<DryRun::Block> DryRun::blocks() const {
  const std::lock_guard lock(account_->mutex);
  return account_->blocks;
}

int64_t DryRun::now() const {
  const std::lock_guard lock(account_->mutex);
  return account_->now;
}

int64_t DryRun::live_bytes() const {
  const std::lock_guard lock(account_->mutex);
  int64_t live = 0;
  for (const Block& block : account_->blocks) {
    if (block.end == Block::kLives) live += block.bytes;
  }
  return live;
}

int64_t DryRun::peak_bytes(int64_t since) const { return tensor::peak_bytes(blocks(), since); }

int64_t peak_bytes(const std::vector<DryRun::Block>& blocks, int64_t since) {
  std::vector<std::pair<int64_t, int64_t>> changes;  // moment and bytes
  for (const DryRun::Block& block : blocks) {
    if (block.end < since) continue;
    changes.emplace_back(std::max(block.begin, since), block.bytes);
    changes.emplace_back(block.end, -block.bytes);
  }
  // What ends at a moment makes room for what begins there.
  std::sort(changes.begin(), changes.end());
  int64_t live = 0, peak = 0;
  for (const auto& [moment, bytes] : changes) peak = std::max(peak, live += bytes);
  return peak;
}

bool in_dry_run() { return base::in_dry_run; }

at::Device stands_for(at::Device device) {
  return device.is_meta() && current != nullptr ? current->stands_for_ : device;
}

at::Tensor to_host(const at::Tensor& tensor) {
  if (!tensor.is_meta()) return tensor.cpu();
  if (stands_for(tensor.device()).is_cpu()) return tensor;
  return at::empty(tensor.sizes(), tensor.options().device(at::kCPU));
}

std::vector<int64_t> to_numbers(const at::Tensor& tensor, int64_t most_costly) {
  if (tensor.is_meta()) {
    return std::vector<int64_t>(static_cast<size_t>(tensor.numel()), most_costly);
  }
  if (tensor.is_cuda() && recording()) throw CannotRecord();
  const at::Tensor host = tensor.cpu().contiguous();
  const auto* first = host.const_data_ptr<int64_t>();
  return {first, first + host.numel()};
}

}  // namespace zoetrope::tensor
