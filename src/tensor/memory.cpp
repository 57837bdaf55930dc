#include "tensor/memory.h"

#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>

#include <fstream>
#include <mutex>
#include <string>
#include <unordered_map>

namespace zoetrope::tensor {

int64_t peak_process_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::stoll(line.substr(6)) * 1024;  // given in kB
  }
  return 0;
}

// torch tells the "profiler state" of a thread about every allocation; we are that state.
class AllocationPeak::Counter : public c10::MemoryReportingInfoBase {
 public:
  void reportMemoryUsage(void* pointer, int64_t bytes, size_t, size_t, c10::Device) override {
    const std::lock_guard lock(mutex_);
    if (bytes >= 0) {
      sizes_[pointer] = bytes;
      total_ += bytes;
      live_ += bytes;
      peak_ = std::max(peak_, live_);
    } else if (const auto it = sizes_.find(pointer); it != sizes_.end()) {
      live_ -= it->second;
      sizes_.erase(it);
    }
  }
  bool memoryProfilingEnabled() const override { return true; }

  int64_t peak() const { return locked(peak_); }
  int64_t live() const { return locked(live_); }
  int64_t total() const { return locked(total_); }

 private:
  int64_t locked(const int64_t& value) const {
    const std::lock_guard lock(mutex_);
    return value;
  }

  mutable std::mutex mutex_;
  std::unordered_map<void*, int64_t> sizes_;  // live blocks allocated inside the scope
  int64_t live_ = 0;
  int64_t peak_ = 0;
  int64_t total_ = 0;
};

struct AllocationPeak::Guard {
  explicit Guard(std::shared_ptr<c10::DebugInfoBase> info)
      : debug_info(c10::DebugInfoKind::PROFILER_STATE, std::move(info)) {}
  c10::DebugInfoGuard debug_info;
};

AllocationPeak::AllocationPeak()
    : counter_(std::make_shared<Counter>()), guard_(std::make_unique<Guard>(counter_)) {}
AllocationPeak::~AllocationPeak() = default;

int64_t AllocationPeak::peak_bytes() const { return counter_->peak(); }
int64_t AllocationPeak::live_bytes() const { return counter_->live(); }
int64_t AllocationPeak::total_bytes() const { return counter_->total(); }

}  // namespace zoetrope::tensor
