#include "support/schedules.h"

namespace zoetrope::test_support {
namespace {

constexpr size_t kStack = 256 << 10;

}  // namespace

Schedules* Schedules::current_ = nullptr;

uint64_t Schedules::mix(uint64_t a, uint64_t b) {
  uint64_t x = a * 0x9E3779B97F4A7C15u + b + 0x632BE59BD9B4E019u;  // splitmix64
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

void Schedules::step(const bool* mutex_held) {
  if (current_ == nullptr || current_->running_ == nullptr) return;
  current_->running_->needs_free = mutex_held;
  saw(0);  // that it came this far
  current_->switch_back();
}

void Schedules::saw(uint64_t value) {
  if (current_ == nullptr || current_->running_ == nullptr) return;
  current_->running_->seen = mix(current_->running_->seen, value);
}

uint64_t Schedules::history() {
  if (current_ == nullptr || current_->running_ == nullptr) return 0;
  return current_->running_->seen;
}

// Named after who made it and how many that one had made: the same in every run.
uint64_t Schedules::new_object() {
  if (current_ == nullptr) return 0;
  if (current_->running_ == nullptr) return mix(1, ++current_->set_up_objects_);
  for (size_t i = 0; i < current_->fibers_.size(); ++i) {
    if (current_->fibers_[i].get() == current_->running_) {
      return mix(i + 2, ++current_->running_->objects);
    }
  }
  return 0;
}

void Schedules::holds(uint64_t object, uint64_t value) {
  if (current_ != nullptr) current_->objects_[object] = value;
}

void Schedules::gone(uint64_t object) {
  if (current_ != nullptr) current_->objects_.erase(object);
}

void Schedules::switch_to(Fiber& fiber) {
  running_ = &fiber;
  swapcontext(&scheduler_, &fiber.context);
  running_ = nullptr;
}

void Schedules::switch_back() {
  Fiber& fiber = *running_;
  swapcontext(&fiber.context, &scheduler_);
}

void Schedules::enter_fiber() {
  Fiber& self = *current_->running_;
  self.body();
  self.done = true;
  current_->switch_back();  // for good
}

std::vector<size_t> Schedules::able() const {
  std::vector<size_t> found;
  for (size_t i = 0; i < fibers_.size(); ++i) {
    const Fiber& fiber = *fibers_[i];
    if (!fiber.done && (fiber.needs_free == nullptr || !*fiber.needs_free)) found.push_back(i);
  }
  return found;
}

uint64_t Schedules::fingerprint() const {
  uint64_t state = 0;
  for (const auto& fiber : fibers_) state = mix(state, mix(fiber->seen, fiber->done ? 1 : 0));
  for (const auto& [object, value] : objects_) state = mix(mix(state, object), value);
  return state;
}

void Schedules::run(Scenario scenario, Search& search, Explored& found) {
  for (auto& body : scenario.threads) {
    auto fiber = std::make_unique<Fiber>();
    fiber->stack.reset(new char[kStack]);  // not written to, unlike make_unique's
    fiber->body = std::move(body);
    getcontext(&fiber->context);
    fiber->context.uc_stack.ss_sp = fiber->stack.get();
    fiber->context.uc_stack.ss_size = kStack;
    makecontext(&fiber->context, &Schedules::enter_fiber, 0);
    fibers_.push_back(std::move(fiber));
  }
  std::vector<int> went;
  bool known = false;  // this state was met before: the run only goes on to its end
  const auto note = [&](std::string violation) {
    if (violation.empty() || !found.violation.empty()) return;
    found.violation = std::move(violation);
    found.schedule = went;
  };
  for (size_t depth = 0;; ++depth) {
    const std::vector<size_t> next = able();
    if (next.empty()) break;
    size_t choice = 0;
    if (!known && depth == search.choices.size()) {
      known = !search.met.insert(fingerprint()).second;
      if (!known) {
        search.choices.push_back(0);
        search.widths.push_back(next.size());
      }
    }
    if (!known) choice = search.choices[depth];
    went.push_back(static_cast<int>(next[choice]));
    switch_to(*fibers_[next[choice]]);
    note(scenario.broken());
  }
  for (const auto& fiber : fibers_) {
    if (!fiber->done) note("deadlock");
  }
  note(scenario.broken_at_end());
}

Explored Schedules::explore(const std::function<Scenario()>& make) {
  Explored found;
  Search search;
  do {
    Schedules schedules;
    current_ = &schedules;
    schedules.run(make(), search, found);
    current_ = nullptr;
    ++found.schedules;
    while (!search.choices.empty() && search.choices.back() + 1 == search.widths.back()) {
      search.choices.pop_back();
      search.widths.pop_back();
    }
    if (!search.choices.empty()) ++search.choices.back();
  } while (!search.choices.empty() && found.violation.empty());
  found.states = static_cast<int64_t>(search.met.size());
  return found;
}

}  // namespace zoetrope::test_support
