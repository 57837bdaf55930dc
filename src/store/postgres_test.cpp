// What is particular to PostgreSQL: several stores share jobs, and the server may go and come back.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <set>
#include <thread>

#include "store/open_store.h"
#include "store/postgres_server.h"
#include "store/pqxx.h"
#include "store/test_stores.h"

namespace zoetrope::store {
namespace {

using base::Status;
using base::StatusCode;
using engine::Job;
using engine::JobState;
using testing::ended;
using ::testing::HasSubstr;
using testing::make_job;

class PostgresStore : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!testing::PostgresServer::is_installed()) {
      GTEST_SKIP() << "PostgreSQL is not installed on this machine (package postgresql)";
    }
    url_ = testing::shared_postgres().make_schema();
  }
  std::unique_ptr<engine::JobStore> open() { return open_store(url_).value_or_throw(); }
  void run_sql(const std::string& sql) {
    pqxx::connection connection(url_);
    pqxx::nontransaction(connection).exec(sql);
  }

  // Of another database in the same server.
  std::string url_of(const std::string& database) const {
    const size_t at = url_.find("@/") + 2;
    return url_.substr(0, at) + database + url_.substr(url_.find('?'));
  }

  std::string url_;
};

// With a server of its own, to kill.
class PostgresStoreSlow : public PostgresStore {
 protected:
  void SetUp() override {
    PostgresStore::SetUp();
    if (IsSkipped()) return;
    server_ = std::make_unique<testing::PostgresServer>();
    url_ = server_->make_schema();
  }

  std::unique_ptr<testing::PostgresServer> server_;
};

TEST_F(PostgresStore, ManyMayMakeTheTables) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      const auto store = open_store(url_);
      EXPECT_TRUE(store.ok()) << store.status().message();
      EXPECT_TRUE(store.ok() && (*store)->count_open().ok());
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(PostgresStore, StoresShareJobs) {
  const auto a = open();
  const auto b = open();
  Job job = make_job("video_1", 1);
  job.idempotency_key = "key";
  ASSERT_TRUE(a->create(job, 1).ok());
  job.id = "video_2";
  EXPECT_EQ(b->create(job, 1).value_or_throw().id, "video_1");
  const Job claimed = *b->claim("b", 1, 100).value_or_throw();
  EXPECT_FALSE(a->claim("a", 50, 100).value_or_throw());
  ASSERT_TRUE(a->cancel("ann", "video_1", 5).ok());
  EXPECT_TRUE(b->renew("video_1", "b", 1, 200).value_or_throw().cancel_requested);
  // b is gone, and so a takes over; then b comes back.
  const Job taken = *a->claim("a", 201, 300).value_or_throw();
  EXPECT_EQ(b->finish(ended(claimed, JobState::kCompleted, 202)).code(), StatusCode::kAborted);
  EXPECT_TRUE(a->finish(ended(taken, JobState::kCancelled, 203)).ok());
  EXPECT_EQ(b->find("ann", "video_1").value_or_throw().state, JobState::kCancelled);
}

TEST_F(PostgresStore, ManyServersClaimEachJobOnce) {
  constexpr int kServers = 8, kJobs = 80;
  const auto first = open();
  for (int i = 0; i < kJobs; ++i) {
    ASSERT_TRUE(first->create(make_job(fmt::format("video_{}", i), i), kJobs).ok());
  }
  std::mutex mutex;
  std::multiset<std::string> finished;
  std::vector<std::thread> threads;
  for (int i = 0; i < kServers; ++i) {
    threads.emplace_back([&, i] {
      const auto store = open();
      while (true) {
        const auto job = store->claim(fmt::format("s{}", i), 1, 1000);
        EXPECT_TRUE(job.ok()) << job.status().message();
        if (!job.ok() || !*job) return;
        EXPECT_TRUE(store->finish(ended(**job, JobState::kCompleted, 2)).ok());
        const std::lock_guard lock(mutex);
        finished.insert((*job)->id);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(finished.size(), kJobs);
  EXPECT_EQ(std::set<std::string>(finished.begin(), finished.end()).size(), kJobs);
}

TEST_F(PostgresStoreSlow, ComesBackAfterTheServer) {
  const auto store = open();
  ASSERT_TRUE(store->create(make_job("video_1", 1), 9).ok());
  server_->kill();
  server_->start();
  // The connection that it holds is dead, which no caller sees.
  EXPECT_TRUE(store->find("ann", "video_1").ok());
  server_->kill();
  const Status gone = store->find("ann", "video_1").status();
  EXPECT_EQ(gone.code(), StatusCode::kUnavailable);
  EXPECT_THAT(gone.message(), ::testing::StartsWith("postgresql: "));
  EXPECT_EQ(gone.message().find('\n'), std::string::npos);
  EXPECT_EQ(store->create(make_job("video_2", 2), 9).status().code(), StatusCode::kUnavailable);
  server_->start();
  EXPECT_TRUE(store->create(make_job("video_2", 2), 9).ok());
}

TEST_F(PostgresStoreSlow, WhatWasAcknowledgedOutlivesACrash) {
  const auto store = open();
  std::atomic<bool> stop = false;
  std::mutex mutex;
  std::vector<std::string> created, completed;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      const std::string server = fmt::format("s{}", i);
      for (int number = 0; !stop; ++number) {
        const std::string id = fmt::format("video_{}_{}", i, number);
        const bool kept = store->create(make_job(id, number), 1 << 30).ok();
        const auto job = store->claim(server, 1, 1000);
        const bool done =
            job.ok() && *job && store->finish(ended(**job, JobState::kCompleted, 2)).ok();
        const std::lock_guard lock(mutex);
        if (kept) created.push_back(id);
        if (done) completed.push_back((*job)->id);
      }
    });
  }
  for (int crash = 0; crash < 3; ++crash) {
    std::this_thread::sleep_for(std::chrono::milliseconds(150));
    server_->kill();
    server_->start();
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(150));
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_GT(completed.size(), 20);
  for (const std::string& id : created) EXPECT_TRUE(store->find("ann", id).ok()) << id;
  for (const std::string& id : completed) {
    EXPECT_EQ(store->find("ann", id).value_or_throw().state, JobState::kCompleted) << id;
  }
  EXPECT_EQ(std::set<std::string>(completed.begin(), completed.end()).size(), completed.size());
}

TEST_F(PostgresStore, NewerTablesAreRefused) {
  open();
  run_sql("UPDATE zoetrope_schema SET version = 7000");
  const Status status = open_store(url_).status();
  EXPECT_EQ(status.code(), StatusCode::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr("postgresql: written by a newer Zoetrope"));
}

TEST_F(PostgresStore, AnotherEncodingIsRefused) {
  run_sql("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0 LOCALE 'C'");
  EXPECT_EQ(open_store(url_of("latin")).status(),
            Status(StatusCode::kFailedPrecondition,
                   "postgresql: the database's encoding is LATIN1, it must be UTF8"));
}

TEST_F(PostgresStore, AWrongAddressIsOneClearLine) {
  for (const std::string& wrong :
       {url_of("nothere"), std::string("postgresql://ann:secret@127.0.0.1:1/x"),
        std::string("postgresql://%%%")}) {
    const Status status = open_store(wrong).status();
    EXPECT_EQ(status.code(), StatusCode::kUnavailable);
    EXPECT_THAT(status.message(), ::testing::StartsWith("postgresql: "));
    EXPECT_EQ(status.message().find('\n'), std::string::npos);
    EXPECT_EQ(status.message().find("secret"), std::string::npos) << status.message();
  }
}

TEST_F(PostgresStoreSlow, AWaitForALockEnds) {
  const auto store = open();
  pqxx::connection other(url_);
  pqxx::work blocking(other);
  blocking.exec("LOCK TABLE zoetrope_jobs IN ACCESS EXCLUSIVE MODE");
  EXPECT_EQ(store->find("ann", "video_1").status().code(), StatusCode::kUnavailable);
  blocking.abort();
  EXPECT_EQ(store->find("ann", "video_1").status().code(), StatusCode::kNotFound);
}

}  // namespace
}  // namespace zoetrope::store
