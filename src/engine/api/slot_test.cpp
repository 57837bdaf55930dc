#include "engine/api/slot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/text_serializer.h>

#include <optional>
#include <thread>

namespace zoetrope::engine {
namespace {

using ::testing::HasSubstr;

struct Worker {
  explicit Worker(int slots) : metrics(registry, slots), gate(slots, metrics) {}
  std::string page() const { return prometheus::TextSerializer().Serialize(registry.Collect()); }
  prometheus::Registry registry;
  SlotMetrics metrics;
  Slots gate;
};

TEST(SlotTest, TakesOneRequestAGpuAndRefusesTheRest) {
  Worker worker(2);
  Slots::Admission first = worker.gate.enter();
  Slots::Admission second = worker.gate.enter();
  EXPECT_EQ(first.entry, Entry::kAccepted);
  EXPECT_EQ(second.entry, Entry::kAccepted);
  EXPECT_FALSE(worker.gate.has_room());
  EXPECT_EQ(worker.gate.enter().entry, Entry::kBusy);
  EXPECT_EQ(worker.gate.load(), 2);
  EXPECT_TRUE(first.hold.end(SlotEnd::kFinished));
  EXPECT_FALSE(first.hold.end(SlotEnd::kDisconnected)) << "somebody was quicker";
  EXPECT_EQ(worker.gate.load(), 1);
  EXPECT_EQ(worker.gate.enter().entry, Entry::kAccepted);
}

TEST(SlotTest, IsFreeAgainWhenWhateverHeldItIsTornDown) {
  Worker worker(1);
  const auto generate = [&] {
    const Slots::Admission admission = worker.gate.enter();
    throw std::runtime_error("out of memory");
  };
  EXPECT_THROW(generate(), std::runtime_error);
  EXPECT_EQ(worker.gate.load(), 0);
  EXPECT_THAT(worker.page(), HasSubstr("zoetrope_slot_ends_total{how=\"crashed\"} 1"));
}

TEST(SlotTest, AHoldThatMovesIsGivenBackOnce) {
  Worker worker(1);
  {
    std::optional<Hold> kept;
    {
      Slots::Admission admission = worker.gate.enter();
      kept.emplace(std::move(admission.hold));
    }
    EXPECT_EQ(worker.gate.load(), 1);
  }
  EXPECT_EQ(worker.gate.load(), 0);
}

TEST(SlotTest, DrainingRefusesAndKeepsWhoIsIn) {
  Worker worker(2);
  Slots::Admission in = worker.gate.enter();
  worker.gate.drain();
  EXPECT_TRUE(worker.gate.draining());
  EXPECT_FALSE(worker.gate.has_room());
  EXPECT_EQ(worker.gate.enter().entry, Entry::kDraining);
  EXPECT_EQ(worker.gate.load(), 1);
  in.hold.end(SlotEnd::kFinished);
  EXPECT_EQ(worker.gate.load(), 0);
  EXPECT_EQ(worker.gate.enter().entry, Entry::kDraining) << "for good";
}

TEST(SlotTest, WhatMustBeDoneIsHeldBeyondTheSlots) {
  Worker worker(1);
  Hold found = worker.gate.enter_anyway();
  const Hold another = worker.gate.enter_anyway();
  EXPECT_EQ(worker.gate.load(), 2);
  EXPECT_EQ(worker.gate.enter().entry, Entry::kBusy);
  found.end(SlotEnd::kFinished);
  EXPECT_EQ(worker.gate.enter().entry, Entry::kBusy);
}

TEST(SlotTest, AKeyRunsOnceAndIsRememberedOnlyIfItFinished) {
  Worker worker(2);
  Slots::Admission first = worker.gate.enter("a");
  EXPECT_EQ(worker.gate.enter("a").entry, Entry::kRunning);
  first.hold.end(SlotEnd::kDisconnected);
  Slots::Admission again = worker.gate.enter("a");
  EXPECT_EQ(again.entry, Entry::kAccepted) << "nobody got its result";
  again.hold.end(SlotEnd::kFinished);
  EXPECT_EQ(worker.gate.enter("a").entry, Entry::kDone);
  EXPECT_EQ(worker.gate.load(), 0) << "a result that is there needs no GPU";
}

TEST(SlotTest, ForgetsTheOldestKeys) {
  Worker worker(1);
  for (int i = 0; i < 5000; ++i) {
    worker.gate.enter(std::to_string(i)).hold.end(SlotEnd::kFinished);
  }
  EXPECT_EQ(worker.gate.enter("4999").entry, Entry::kDone);
  EXPECT_EQ(worker.gate.enter("0").entry, Entry::kAccepted);
}

TEST(SlotTest, CountsForPrometheus) {
  Worker worker(1);
  Slots::Admission in = worker.gate.enter();
  worker.gate.enter();
  worker.gate.enter();
  EXPECT_THAT(worker.page(), HasSubstr("zoetrope_slots 1"));
  EXPECT_THAT(worker.page(), HasSubstr("zoetrope_load 1"));
  EXPECT_THAT(worker.page(), HasSubstr("zoetrope_rejected_total{reason=\"busy\"} 2"));
  in.hold.end(SlotEnd::kFinished);
  EXPECT_THAT(worker.page(), HasSubstr("zoetrope_draining 0"));
  worker.gate.drain();
  worker.gate.enter();
  EXPECT_THAT(worker.page(), HasSubstr("zoetrope_draining 1"));
  EXPECT_THAT(worker.page(), HasSubstr("zoetrope_load 0"));
  EXPECT_THAT(worker.page(), HasSubstr("zoetrope_accepted_total 1"));
  EXPECT_THAT(worker.page(), HasSubstr("zoetrope_service_seconds_count 1"));
  EXPECT_THAT(worker.page(), HasSubstr("zoetrope_slot_ends_total{how=\"finished\"} 1"));
  EXPECT_THAT(worker.page(), HasSubstr("zoetrope_rejected_total{reason=\"draining\"} 1"));
}

TEST(SlotTest, RetryAfterIsAtLeastOneSecond) {
  Worker worker(1);
  EXPECT_EQ(retry_after(worker.metrics, 1), std::chrono::seconds(1));
  worker.metrics.ended(SlotEnd::kFinished,
                       std::chrono::steady_clock::now() - std::chrono::seconds(9));
  EXPECT_GE(retry_after(worker.metrics, 1), std::chrono::seconds(5)) << "half a job, on average";
  EXPECT_EQ(retry_after(worker.metrics, 8), std::chrono::seconds(2)) << "one of eight ends sooner";
}

// Also what ThreadSanitizer looks at.
TEST(SlotTest, NeverRunsTwoAtOnceWhateverThreadsDo) {
  Worker worker(2);
  std::atomic<int> running{0};
  std::atomic<int> accepted{0};
  std::atomic<bool> crowded{false};
  const auto client = [&](int number) {
    for (int i = 0; i < 20'000; ++i) {
      const std::string key =
          i % 4 == 0 ? std::to_string(i % 64) + "/" + std::to_string(number % 2) : std::string();
      Slots::Admission admission = worker.gate.enter(key);
      if (admission.entry != Entry::kAccepted) continue;
      ++accepted;
      if (++running > 2) crowded = true;
      --running;
      if (i % 8 == 1) {  // its client leaves while it ends
        std::thread leaves([&] { admission.hold.end(SlotEnd::kDisconnected); });
        admission.hold.end(SlotEnd::kFinished);
        leaves.join();
      } else if (i % 8 != 2) {
        admission.hold.end(i % 3 == 0 ? SlotEnd::kDisconnected : SlotEnd::kFinished);
      }
    }
  };
  std::vector<std::thread> clients;
  for (int number = 0; number < 4; ++number) clients.emplace_back(client, number);
  for (std::thread& thread : clients) thread.join();
  EXPECT_FALSE(crowded);
  EXPECT_GT(accepted, 0);
  EXPECT_EQ(worker.gate.load(), 0);
  worker.gate.drain();
  EXPECT_EQ(worker.gate.enter().entry, Entry::kDraining);
}

}  // namespace
}  // namespace zoetrope::engine
