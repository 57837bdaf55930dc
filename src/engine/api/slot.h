// The no-queue contract of a worker: one slot per GPU, and whoever finds none is refused at once.
//
// load = queued + running never exceeds the number of slots. A request is let in by one
// compare-and-swap on one word that holds the load and whether the worker drains, so a full or
// draining worker says no without a lock and without touching a GPU. The slot is held until the
// generation ended, its client went away, or whatever ran it was torn down; a Hold gives it back
// exactly once, whoever of those comes first. An idempotency key keeps the second copy of a request
// (a client or gateway that lost the answer to the first) from being generated twice.
//
// `zoetrope serve` and the rehearsal's workers both stand on this. The slots outlive their holds;
// any thread may call anything. The template parameter is what a test replaces to walk through
// every interleaving (tests/support/schedules.h); everybody else writes Slots and Hold.
#pragma once

#include <prometheus/registry.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
}  // namespace prometheus

namespace zoetrope::engine {

enum class Entry {
  kAccepted,
  kBusy,      // 429 with Retry-After
  kDraining,  // 503
  kRunning,   // a request with this key runs here: 409
  kDone,      // a request with this key was finished here: its result again
};

// How a held slot came free.
enum class SlotEnd { kFinished, kDisconnected, kCrashed };

// What slots tell Prometheus:
//   zoetrope_slots                     how many
//   zoetrope_load                      slots held
//   zoetrope_draining                  1: takes nothing new in
//   zoetrope_accepted_total
//   zoetrope_rejected_total{reason}    busy, draining, running, done
//   zoetrope_service_seconds           histogram: from acceptance until the slot was free again
//   zoetrope_slot_ends_total{how}      finished, disconnected, crashed
// The registry owns the metrics and must outlive this.
class SlotMetrics {
 public:
  using Time = std::chrono::steady_clock::time_point;

  SlotMetrics(prometheus::Registry& registry, int slots);

  Time accepted();
  void refused(Entry why);
  void ended(SlotEnd how, Time accepted);
  void draining();
  // Moving average; 0 before the first end.
  std::chrono::nanoseconds mean_service() const;

 private:
  prometheus::Gauge& load_;
  prometheus::Gauge& draining_;
  prometheus::Counter& accepted_;
  prometheus::Family<prometheus::Counter>& rejected_;
  prometheus::Family<prometheus::Counter>& ends_;
  prometheus::Histogram& service_;
  std::atomic<int64_t> mean_ns_{0};
};

struct RealThreads {
  template <typename T>
  using Atomic = std::atomic<T>;
  using Mutex = std::mutex;
  using Meter = SlotMetrics;
};

template <typename Threads>
class BasicSlots;

// A slot, from acceptance until it is given back. Movable by whoever owns it; end() may race with
// end() on other threads.
template <typename Threads>
class BasicHold {
 public:
  BasicHold() : slots_(nullptr) {}
  BasicHold(BasicHold&& other) noexcept
      : slots_(other.slots_.exchange(nullptr)),
        key_(std::move(other.key_)),
        accepted_(other.accepted_) {}
  BasicHold& operator=(BasicHold&&) = delete;
  // Torn down by an exception, or forgotten: whatever it was, the GPU is free.
  ~BasicHold() { end(SlotEnd::kCrashed); }

  // Gives the slot back. False if somebody already has.
  bool end(SlotEnd how) {
    BasicSlots<Threads>* slots = slots_.exchange(nullptr);
    if (slots == nullptr) return false;
    slots->give_back(how, key_, accepted_);
    return true;
  }

 private:
  friend BasicSlots<Threads>;
  using Time = typename Threads::Meter::Time;
  BasicHold(BasicSlots<Threads>* slots, std::string key, Time accepted)
      : slots_(slots), key_(std::move(key)), accepted_(accepted) {}

  typename Threads::template Atomic<BasicSlots<Threads>*> slots_;
  std::string key_;
  Time accepted_{};
};

template <typename Threads>
class BasicSlots {
 public:
  using Hold = BasicHold<Threads>;
  struct Admission {
    Entry entry;
    Hold hold;  // of a slot if kAccepted, else of nothing
  };

  // `meter` outlives the slots.
  BasicSlots(int slots, typename Threads::Meter& meter)
      : slots_(static_cast<uint32_t>(slots)), word_(0), meter_(meter) {}

  // `key`: the request's idempotency key, or empty.
  Admission enter(const std::string& key = {}) {
    if (key.empty()) return taken(take(), key);
    // Only requests with a key wait for each other, and for no longer than a map takes.
    const std::lock_guard<typename Threads::Mutex> lock(keys_mutex_);
    const auto known = keys_.find(key);
    if (known != keys_.end()) return taken(known->second, key);
    const Entry entry = take();
    if (entry == Entry::kAccepted) keys_.emplace(key, Entry::kRunning);
    return taken(entry, key);
  }

  // For work that has to be done in any case, found after a crash: load may exceed the slots.
  Hold enter_anyway() {
    word_.fetch_add(1);
    return Hold(this, {}, meter_.accepted());
  }

  // Nobody is accepted after this returns. Who is in stays until the end.
  void drain() {
    word_.fetch_or(kDrain);
    meter_.draining();
  }

  bool has_room() const { return word_.load() < slots_; }
  bool draining() const { return (word_.load() & kDrain) != 0; }
  int load() const { return static_cast<int>(word_.load() & ~kDrain); }
  int slots() const { return static_cast<int>(slots_); }

 private:
  friend Hold;
  // Above every count, so that a draining worker also looks full.
  static constexpr uint32_t kDrain = uint32_t{1} << 31;
  static constexpr size_t kKeysKept = 4096;  // of finished requests

  Entry take() {
    uint32_t seen = word_.load();
    while (seen < slots_) {
      if (word_.compare_exchange_strong(seen, seen + 1)) return Entry::kAccepted;
    }
    return (seen & kDrain) != 0 ? Entry::kDraining : Entry::kBusy;
  }

  Admission taken(Entry entry, const std::string& key) {
    if (entry == Entry::kAccepted) return {entry, Hold(this, key, meter_.accepted())};
    meter_.refused(entry);
    return {entry, Hold()};
  }

  // The key first: whoever finds the slot free must not find its last request still running.
  void give_back(SlotEnd how, const std::string& key, typename Threads::Meter::Time accepted) {
    if (!key.empty()) forget_or_keep(how, key);
    meter_.ended(how, accepted);
    word_.fetch_sub(1);
  }

  void forget_or_keep(SlotEnd how, const std::string& key) {
    const std::lock_guard<typename Threads::Mutex> lock(keys_mutex_);
    if (how != SlotEnd::kFinished) {
      keys_.erase(key);  // the client may try again
      return;
    }
    keys_[key] = Entry::kDone;
    done_.push_back(key);
    if (done_.size() <= kKeysKept) return;
    keys_.erase(done_.front());
    done_.pop_front();
  }

  const uint32_t slots_;
  typename Threads::template Atomic<uint32_t> word_;
  typename Threads::Meter& meter_;
  typename Threads::Mutex keys_mutex_;
  std::map<std::string, Entry> keys_;
  std::deque<std::string> done_;  // oldest first
};

using Slots = BasicSlots<RealThreads>;
using Hold = BasicHold<RealThreads>;

// What Retry-After says: when a slot is likely to be free, in whole seconds, at least one.
std::chrono::seconds retry_after(const SlotMetrics& metrics, int slots);

}  // namespace zoetrope::engine
