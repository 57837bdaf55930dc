// Many threads on one store: nothing is lost, done twice, or beyond its capacity.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <atomic>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <thread>

#include "store/test_stores.h"

namespace zoetrope::store {
namespace {

using base::StatusCode;
using engine::Job;
using engine::JobState;
using testing::ended;
using testing::make_job;

constexpr int kThreads = 8;

class StoreThreads : public testing::OnEveryStore {
 protected:
  // `body(thread)` on kThreads threads.
  template <typename Body>
  static void on_threads(Body body) {
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i) threads.emplace_back(body, i);
    for (std::thread& thread : threads) thread.join();
  }
};

INSTANTIATE_TEST_SUITE_P(Every, StoreThreads, ::testing::ValuesIn(testing::all_kinds()),
                         testing::kind_name);

TEST_P(StoreThreads, OneKeyOneJob) {
  constexpr int kKeys = 20;
  std::vector<std::set<std::string>> given(kKeys);  // ids that each key was answered with
  std::mutex mutex;
  on_threads([&](int thread) {
    for (int key = 0; key < kKeys; ++key) {
      Job job = make_job(fmt::format("video_{}", key * kThreads + thread), 1);
      job.idempotency_key = fmt::format("key {}", key);
      const auto created = store_->create(job, kKeys);
      const std::lock_guard lock(mutex);
      EXPECT_TRUE(created.ok()) << created.status().message();
      if (created.ok()) given[key].insert(created->id);
    }
  });
  for (const auto& ids : given) EXPECT_EQ(ids.size(), 1);
  EXPECT_EQ(store_->count_open().value_or_throw(), kKeys);
}

TEST_P(StoreThreads, CapacityHolds) {
  constexpr int kCapacity = 10;
  std::atomic<int> taken = 0;
  on_threads([&](int thread) {
    for (int i = 0; i < 10; ++i) {
      const auto created =
          store_->create(make_job(fmt::format("video_{}_{}", thread, i), i), kCapacity);
      if (created.ok()) {
        ++taken;
      } else {
        EXPECT_EQ(created.status().code(), StatusCode::kResourceExhausted);
      }
    }
  });
  EXPECT_EQ(taken, kCapacity);
  EXPECT_EQ(store_->count_open().value_or_throw(), kCapacity);
}

TEST_P(StoreThreads, EachJobIsClaimedOnce) {
  constexpr int kJobs = 60;
  for (int i = 0; i < kJobs; ++i) {
    ASSERT_TRUE(store_->create(make_job(fmt::format("video_{}", i), i), kJobs).ok());
  }
  std::mutex mutex;
  std::multiset<std::string> claimed;
  on_threads([&](int thread) {
    while (true) {
      const auto job = store_->claim(fmt::format("s{}", thread), 1, 1000);
      EXPECT_TRUE(job.ok()) << job.status().message();
      if (!job.ok() || !*job) return;
      EXPECT_EQ((*job)->server, fmt::format("s{}", thread));
      const std::lock_guard lock(mutex);
      claimed.insert((*job)->id);
    }
  });
  EXPECT_EQ(claimed.size(), kJobs);
  EXPECT_EQ(std::set<std::string>(claimed.begin(), claimed.end()).size(), kJobs);
}

// Of what was accepted each is accounted for, and counted as finished exactly once.
class Ledger {
 public:
  void accept(const std::string& id) {
    const std::lock_guard lock(mutex_);
    accepted_.push_back(id);
  }
  void finish(const std::string& id) {
    const std::lock_guard lock(mutex_);
    ++finished_[id];
  }
  std::string any(std::mt19937& random) const {
    const std::lock_guard lock(mutex_);
    return accepted_.empty() ? "none" : accepted_[random() % accepted_.size()];
  }
  void check(engine::JobStore& store) const {
    for (const std::string& id : accepted_) {
      const Job job = store.find("ann", id).value_or_throw();
      ASSERT_TRUE(is_final(job.state)) << id;
      const bool cancelled_while_waiting = job.state == JobState::kCancelled && job.server.empty();
      const auto times = finished_.find(id);
      EXPECT_EQ(times == finished_.end() ? 0 : times->second, cancelled_while_waiting ? 0 : 1)
          << id << " " << to_string(job.state);
      EXPECT_EQ(job.report.has_value(), job.state == JobState::kCompleted) << id;
    }
  }
  size_t size() const { return accepted_.size(); }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> accepted_;
  std::map<std::string, int> finished_;
};

// One thread's life: creates, runs, gives up on and cancels jobs.
class Worker {
 public:
  Worker(engine::JobStore& store, Ledger& ledger, int number, int64_t capacity)
      : store_(store),
        ledger_(ledger),
        capacity_(capacity),
        name_(fmt::format("s{}", number)),
        random_(static_cast<unsigned>(number)) {}

  void live(int turns) {
    for (int turn = 0; turn < turns; ++turn) {
      create(turn);
      const auto open = store_.count_open();
      // What others run does not count against this server's capacity.
      EXPECT_TRUE(open.ok() && *open <= capacity_ + kThreads);
      run_one();
      if (random_() % 4 == 0) {
        const auto cancelled = store_.cancel("ann", ledger_.any(random_), 5);
        EXPECT_TRUE(cancelled.ok() || cancelled.status().code() == StatusCode::kNotFound);
      }
    }
    while (run_one()) {
    }
  }

 private:
  void create(int turn) {
    Job job = make_job(fmt::format("video_{}_{}", name_, turn), turn);
    job.server = name_;
    const auto created = store_.create(job, capacity_);
    if (created.ok()) return ledger_.accept(created->id);
    EXPECT_EQ(created.status().code(), StatusCode::kResourceExhausted);
  }

  // False when nothing waits.
  bool run_one() {
    // Every lease has run out already: any thread takes over what another still runs.
    const bool greedy = random_() % 3 == 0;
    const auto claimed = store_.claim(name_, greedy ? 200 : 1, 100);
    EXPECT_TRUE(claimed.ok()) << claimed.status().message();
    if (!claimed.ok() || !*claimed) return false;
    const Job& job = **claimed;
    if (random_() % 4 == 0) {
      accept_loss(store_.release(job.id, name_, job.attempt));
      return true;
    }
    const auto renewed = store_.renew(job.id, name_, job.attempt, 100);
    accept_loss(renewed.status());
    const bool stop = renewed.ok() && renewed->cancel_requested;
    const auto status =
        store_.finish(ended(job, stop ? JobState::kCancelled : JobState::kCompleted, 9));
    accept_loss(status);
    if (status.ok()) ledger_.finish(job.id);
    return true;
  }

  static void accept_loss(const base::Status& status) {
    EXPECT_TRUE(status.ok() || status.code() == StatusCode::kAborted) << status.message();
  }

  engine::JobStore& store_;
  Ledger& ledger_;
  int64_t capacity_;
  std::string name_;
  std::mt19937 random_;
};

TEST_P(StoreThreads, NothingIsLostOrDoneTwice) {
  constexpr int64_t kCapacity = kThreads;
  Ledger ledger;
  on_threads([&](int thread) { Worker(*store_, ledger, thread, kCapacity).live(25); });
  Worker(*store_, ledger, 99, 0).live(0);  // what a thread released at the very end
  EXPECT_GT(ledger.size(), kThreads);
  EXPECT_EQ(store_->count_open().value_or_throw(), 0);
  ledger.check(*store_);
}

}  // namespace
}  // namespace zoetrope::store
