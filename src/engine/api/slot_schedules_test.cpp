// Every interleaving of accept, finish, disconnect, crash and drain.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "engine/api/slot.h"
#include "support/schedules.h"

namespace zoetrope::engine {
namespace {

using test_support::Explored;
using test_support::Scenario;
using test_support::ScheduledAtomic;
using test_support::ScheduledMutex;
using test_support::Schedules;
using ::testing::HasSubstr;

// Counts what happens in the same step in which it happens, and judges it.
struct Judge {
  using Time = int;
  int slots = 1;
  int running = 0, accepted_so_far = 0, ended_so_far = 0;
  int refused_so_far = 0;
  bool drained = false;  // drain() has returned
  std::string broken;

  Time accepted() {
    ++accepted_so_far;
    if (++running > slots) broken = "more requests run than there are slots";
    return 0;
  }
  void refused(Entry) { ++refused_so_far; }
  void draining() {}
  void ended(SlotEnd, Time) {
    ++ended_so_far;
    if (--running < 0) broken = "a slot was given back twice";
  }
};

struct Checked {
  template <typename T>
  using Atomic = ScheduledAtomic<T>;
  using Mutex = ScheduledMutex;
  using Meter = Judge;
};

// What is seen and what is written are two steps: as if atomics were plain variables.
template <typename T>
class TornAtomic : public ScheduledAtomic<T> {
 public:
  using ScheduledAtomic<T>::ScheduledAtomic;
  T exchange(T value) {
    const T seen = this->load();
    ScheduledAtomic<T>::exchange(value);
    return seen;
  }
  bool compare_exchange_strong(T& expected, T value) {
    const T seen = this->load();
    const bool same = seen == expected;
    if (same) ScheduledAtomic<T>::exchange(value);
    expected = seen;
    return same;
  }
};

struct Torn : Checked {
  template <typename T>
  using Atomic = TornAtomic<T>;
};

// A worker, a request that holds a slot already, and everything that may befall them.
template <typename Threads>
struct World {
  explicit World(int slots) : gate(slots, judge) { judge.slots = slots; }
  Judge judge;
  BasicSlots<Threads> gate;
  std::unique_ptr<BasicHold<Threads>> held;

  void request(const std::string& key, SlotEnd how) {
    const bool refused_for_sure = judge.drained;
    auto admission = gate.enter(key);
    if (admission.entry != Entry::kAccepted) return;
    if (refused_for_sure) judge.broken = "accepted after drain() had returned";
    if (how == SlotEnd::kCrashed) return;  // torn down
    admission.hold.end(how);
  }
  void drain() {
    gate.drain();
    judge.drained = true;
  }
  std::string at_end() const {
    if (judge.running != 0 || gate.load() != 0) return "a slot was lost";
    if (judge.accepted_so_far != judge.ended_so_far) return "not one end for each acceptance";
    return {};
  }
};

template <typename Threads>
Scenario scenario(const std::shared_ptr<World<Threads>>& world,
                  std::vector<std::function<void(World<Threads>&)>> bodies) {
  Scenario made;
  for (auto& body : bodies) made.threads.push_back([world, body] { body(*world); });
  made.broken = [world] { return world->judge.broken; };
  made.broken_at_end = [world] { return world->at_end(); };
  return made;
}

// Finish, disconnect and crash of one request race, while others ask and the worker drains.
template <typename Threads>
Scenario three_ends_two_requests_and_a_drain() {
  using W = World<Threads>;
  auto world = std::make_shared<W>(1);
  world->held = std::make_unique<BasicHold<Threads>>(world->gate.enter("held").hold);
  return scenario<Threads>(world, {
                                      [](W& w) { w.held->end(SlotEnd::kFinished); },
                                      [](W& w) { w.held->end(SlotEnd::kDisconnected); },
                                      [](W& w) { w.held->end(SlotEnd::kCrashed); },
                                      [](W& w) { w.request({}, SlotEnd::kFinished); },
                                      [](W& w) { w.request({}, SlotEnd::kCrashed); },
                                      [](W& w) { w.drain(); },
                                  });
}

template <typename Threads>
Scenario requests_for(int slots, int requests) {
  using W = World<Threads>;
  std::vector<std::function<void(W&)>> bodies = {[](W& w) { w.drain(); }};
  for (int i = 0; i < requests; ++i) {
    bodies.push_back([i](W& w) { w.request({}, static_cast<SlotEnd>(i % 3)); });
  }
  return scenario<Threads>(std::make_shared<W>(slots), bodies);
}

void expect_sound(const Explored& found) {
  EXPECT_EQ(found.violation, "") << ::testing::PrintToString(found.schedule);
  EXPECT_GT(found.schedules, 100);
  ::testing::Test::RecordProperty("schedules", std::to_string(found.schedules));
  ::testing::Test::RecordProperty("states", std::to_string(found.states));
}

TEST(SlotSchedulesTest, FinishDisconnectCrashAndDrainWhileOthersAsk) {
  expect_sound(Schedules::explore(three_ends_two_requests_and_a_drain<Checked>));
}

TEST(SlotSchedulesTest, ThreeRequestsForOneSlot) {
  expect_sound(Schedules::explore([] { return requests_for<Checked>(1, 3); }));
}

TEST(SlotSchedulesSlowTest, FourRequestsForOneSlot) {
  expect_sound(Schedules::explore([] { return requests_for<Checked>(1, 4); }));
}

// Four for two are 6.6 million schedules and five minutes: they were walked through once.
TEST(SlotSchedulesSlowTest, ThreeRequestsForTwoSlots) {
  expect_sound(Schedules::explore([] { return requests_for<Checked>(2, 3); }));
}

// Copies of one request: never two at once, never again once it was finished.
TEST(SlotSchedulesTest, CopiesOfOneRequestRunOneAtATimeAndFinishOnce) {
  using W = World<Checked>;
  expect_sound(Schedules::explore([] {
    auto world = std::make_shared<W>(2);
    auto of_key = std::make_shared<std::pair<int, bool>>(0, false);  // running, finished
    const auto copy = [of_key](SlotEnd how) {
      return [of_key, how](W& w) {
        const bool was_finished = of_key->second;
        auto admission = w.gate.enter("key");
        if (admission.entry != Entry::kAccepted) return;
        if (was_finished) w.judge.broken = "a finished request was accepted again";
        if (++of_key->first > 1) w.judge.broken = "two copies of a request run";
        --of_key->first;  // end() may let the next one in before it returns
        if (how != SlotEnd::kCrashed) admission.hold.end(how);
        if (how == SlotEnd::kFinished) of_key->second = true;
      };
    };
    return scenario<Checked>(world, {copy(SlotEnd::kFinished), copy(SlotEnd::kDisconnected),
                                     copy(SlotEnd::kFinished), [](W& w) { w.drain(); }});
  }));
}

// The explorer finds what it is there to find.
TEST(SlotSchedulesTest, SeesWhatWouldGoWrongWithoutAtomicOperations) {
  const Explored entry = Schedules::explore([] { return requests_for<Torn>(1, 2); });
  EXPECT_NE(entry.violation, "");
  EXPECT_FALSE(entry.schedule.empty());
  const Explored twice = Schedules::explore(three_ends_two_requests_and_a_drain<Torn>);
  EXPECT_THAT(twice.violation, HasSubstr("slot"));
}

}  // namespace
}  // namespace zoetrope::engine
