#include "traffic/fleet/event_queue.h"

#include <gtest/gtest.h>

#include <map>

#include "traffic/fleet/random.h"

namespace zoetrope::traffic::fleet {
namespace {

Event at(int64_t time, uint16_t there = 0) {
  Event event{};
  event.at = time;
  event.there = there;
  return event;
}

// Delays from within a bucket to far beyond the horizon, pushed while popping: as in a run.
TEST(EventQueue, GivesEventsInOrderOfTime) {
  constexpr int64_t kHorizon = 1'000'000'000;
  Random random(7);
  EventQueue queue(kHorizon);
  std::multimap<int64_t, int> expected;
  int64_t now = 0;
  const auto push = [&] {
    const double delay = std::pow(10, 12 * random.uniform());
    const Event event = at(now + static_cast<int64_t>(delay));
    queue.push(event);
    expected.emplace(event.at, 0);
  };
  for (int i = 0; i < 200; ++i) push();
  for (int i = 0; i < 30'000; ++i) {
    ASSERT_EQ(queue.size(), static_cast<int64_t>(expected.size()));
    ASSERT_EQ(queue.next_at(), expected.begin()->first);
    now = queue.pop().at;
    expected.erase(expected.begin());
    const int pushed = expected.size() < 50 ? 3 : static_cast<int>(random.below(3));
    for (int k = 0; k < pushed; ++k) push();
  }
}

TEST(EventQueue, IsEmptyAfterTheLastEvent) {
  EventQueue queue(1'000'000);
  EXPECT_EQ(queue.next_at(), kNever);
  queue.push(at(5));
  queue.push(at(int64_t{1} << 40));
  EXPECT_EQ(queue.next_at(), 5);
  queue.pop();
  EXPECT_EQ(queue.next_at(), int64_t{1} << 40);
  queue.pop();
  EXPECT_EQ(queue.next_at(), kNever);
}

TEST(EventQueue, TakesOutWhatIsAskedFor) {
  EventQueue queue(1'000'000'000);
  for (int i = 0; i < 3000; ++i)
    queue.push(at(i * int64_t{7'000'001}, static_cast<uint16_t>(i % 3)));
  for (int i = 0; i < 30; ++i) {
    ASSERT_NE(queue.next_at(), kNever);
    queue.pop();
  }
  const auto taken =
      queue.remove_if([](const Event& event, int there) { return event.there == there; }, 1);
  EXPECT_EQ(taken.size(), 990u);
  EXPECT_EQ(queue.size(), 1980);
  int64_t last = 0;
  for (int64_t next = queue.next_at(); next != kNever; next = queue.next_at()) {
    EXPECT_GE(next, last);
    last = next;
    EXPECT_NE(queue.pop().there, 1);
  }
}

}  // namespace
}  // namespace zoetrope::traffic::fleet
