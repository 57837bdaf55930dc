// Every interleaving of a few threads, for code that takes its atomics and mutexes as a parameter.
//
// The threads are fibers on one real thread; whenever one is about to touch an Atomic or a Mutex of
// this file it stops, and explore() tries each thread that could go next, by running the whole
// scenario again from the start with another choice. States met before (what each thread has seen
// so far, what the atomics hold, in which order the mutexes were taken) are not gone through twice,
// which keeps the search finite and small without leaving anything out. Atomics are sequentially
// consistent here: what weaker orders allow is ThreadSanitizer's part.
#pragma once

#include <ucontext.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace zoetrope::test_support {

struct Scenario {
  std::vector<std::function<void()>> threads;
  // Empty, or what is wrong. Asked after every step, and once more when all threads have ended.
  std::function<std::string()> broken;
  std::function<std::string()> broken_at_end;
};

struct Explored {
  int64_t schedules = 0;
  int64_t states = 0;
  std::string violation;      // the first one; empty if there is none
  std::vector<int> schedule;  // the thread that went at each step, up to the violation
};

class Schedules {
 public:
  // `make` builds the scenario anew for each run.
  static Explored explore(const std::function<Scenario()>& make);

  // For Atomic and Mutex: the calling fiber stops until it is chosen; `mutex` must be free then.
  static void step(const bool* mutex_held = nullptr);
  // What the fiber saw becomes part of the state; so does what an object holds.
  static void saw(uint64_t value);
  static uint64_t new_object();
  static void holds(uint64_t object, uint64_t value);
  static void gone(uint64_t object);
  static uint64_t mix(uint64_t a, uint64_t b);
  static uint64_t history();

 private:
  struct Fiber {
    ucontext_t context{};
    std::unique_ptr<char[]> stack;
    std::function<void()> body;
    bool done = false;
    const bool* needs_free = nullptr;
    uint64_t seen = 0;     // hash of all it saw
    uint64_t objects = 0;  // made by it
  };

  struct Search {
    std::set<uint64_t> met;
    std::vector<size_t> choices, widths;
  };

  static void enter_fiber();
  void run(Scenario scenario, Search& search, Explored& found);
  std::vector<size_t> able() const;
  uint64_t fingerprint() const;
  void switch_to(Fiber& fiber);
  void switch_back();

  static Schedules* current_;
  std::vector<std::unique_ptr<Fiber>> fibers_;
  Fiber* running_ = nullptr;  // nullptr: the scenario's set-up or checks
  ucontext_t scheduler_{};
  uint64_t set_up_objects_ = 0;
  std::map<uint64_t, uint64_t> objects_;
};

// As std::atomic with the default order, as far as slots use it.
template <typename T>
class ScheduledAtomic {
 public:
  explicit ScheduledAtomic(T value) : id_(Schedules::new_object()), value_(value) { tell(); }
  ScheduledAtomic(const ScheduledAtomic&) = delete;
  ~ScheduledAtomic() { Schedules::gone(id_); }

  T load() const {
    Schedules::step();
    return told(value_);
  }
  T exchange(T value) {
    Schedules::step();
    return told(std::exchange(value_, value));
  }
  T fetch_add(T by) {
    return exchange_with([&](T v) { return v + by; });
  }
  T fetch_sub(T by) {
    return exchange_with([&](T v) { return v - by; });
  }
  T fetch_or(T by) {
    return exchange_with([&](T v) { return v | by; });
  }
  bool compare_exchange_strong(T& expected, T value) {
    Schedules::step();
    const T before = value_;
    if (before == expected) value_ = value;
    const bool done = before == expected;
    expected = before;
    told(before);
    return done;
  }

 private:
  template <typename F>
  T exchange_with(F change) {
    Schedules::step();
    return told(std::exchange(value_, static_cast<T>(change(value_))));
  }
  static uint64_t number(T value) {
    if constexpr (std::is_pointer_v<T>) {
      return value == nullptr ? 0 : 1;  // addresses differ from run to run
    } else {
      return static_cast<uint64_t>(value);
    }
  }
  void tell() const { Schedules::holds(id_, number(value_)); }
  T told(T seen) const {
    Schedules::saw(number(seen));
    tell();
    return seen;
  }

  const uint64_t id_;
  T value_;
};

class ScheduledMutex {
 public:
  ScheduledMutex() : id_(Schedules::new_object()) {}
  ScheduledMutex(const ScheduledMutex&) = delete;
  ~ScheduledMutex() { Schedules::gone(id_); }

  void lock() {
    Schedules::step(&held_);
    held_ = true;
    // Who held it, in which order and knowing what, determines whatever it protects.
    order_ = Schedules::mix(order_, Schedules::history());
    Schedules::saw(order_);
    Schedules::holds(id_, order_);
  }
  void unlock() {
    Schedules::step();
    held_ = false;
    Schedules::saw(0);
    Schedules::holds(id_, Schedules::mix(order_, 1));
  }

 private:
  const uint64_t id_;
  bool held_ = false;
  uint64_t order_ = 0;
};

}  // namespace zoetrope::test_support
