// What is particular to the store in a file: it survives its process, and a file that cannot be
// used is refused with one line.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#include "store/open_store.h"
#include "store/test_stores.h"
#include "support/temporary_folder.h"

namespace zoetrope::store {
namespace {

using base::Status;
using base::StatusCode;
using engine::Job;
using engine::JobState;
using testing::ended;
using ::testing::HasSubstr;
using testing::make_job;

class SqliteStore : public ::testing::Test {
 protected:
  std::unique_ptr<engine::JobStore> open() { return open_store(file_).value_or_throw(); }
  Status refusal() { return open_store(file_).status(); }
  // What the sqlite3 shell would do to the file.
  void run_sql(const std::string& sql) {
    sqlite3* connection = nullptr;
    ASSERT_EQ(sqlite3_open(file_.c_str(), &connection), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(connection, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(connection);
    sqlite3_close(connection);
  }

  test_support::TemporaryFolder folder_;
  std::string file_ = (folder_.path() / "jobs.sqlite").string();
};

TEST_F(SqliteStore, KeepsJobsOverARestart) {
  std::string before;
  {
    auto store = open();
    ASSERT_TRUE(store->create(make_job("video_1", 1), 1).ok());
    before = testing::describe(store->find("ann", "video_1").value_or_throw());
  }
  EXPECT_EQ(testing::describe(open()->find("ann", "video_1").value_or_throw()), before);
}

TEST_F(SqliteStore, MakesItsFolder) {
  file_ = (folder_.path() / "a" / "b" / "jobs.sqlite").string();
  EXPECT_EQ(open()->count_open().value_or_throw(), 0);
}

TEST_F(SqliteStore, WordsOfTheStoreOption) {
  EXPECT_TRUE(open_store("memory").ok());
  EXPECT_TRUE(open_store("sqlite:" + file_).ok());
  EXPECT_TRUE(std::filesystem::exists(file_));
  for (const auto* bad : {"", "sqlite:", "mysql://host/db"}) {
    EXPECT_EQ(open_store(bad).status().code(), StatusCode::kInvalidArgument);
    EXPECT_THAT(open_store(bad).status().message(), ::testing::StartsWith("store: "));
  }
}

TEST_F(SqliteStore, ASecondServerIsRefused) {
  const auto store = open();
  EXPECT_EQ(refusal().code(), StatusCode::kUnavailable);
  EXPECT_EQ(refusal().message(), file_ + ": another server uses it (it holds " + file_ + ".lock)");
}

TEST_F(SqliteStore, AFileThatIsNoDatabaseIsRefused) {
  std::ofstream(file_) << std::string(5000, 'x');
  EXPECT_EQ(refusal(), Status(StatusCode::kDataLoss, file_ + ": no SQLite database"));
}

TEST_F(SqliteStore, AnothersDatabaseIsRefusedAndLeftAlone) {
  run_sql("CREATE TABLE songs (name TEXT); PRAGMA user_version = 1");
  EXPECT_EQ(refusal(), Status(StatusCode::kDataLoss, file_ + ": a database of another program"));
  run_sql("INSERT INTO songs VALUES ('la')");
}

TEST_F(SqliteStore, ANewerFileIsRefused) {
  open();
  run_sql("PRAGMA user_version = 7000");
  EXPECT_EQ(refusal().code(), StatusCode::kFailedPrecondition);
  EXPECT_THAT(refusal().message(), HasSubstr(file_ + ": written by a newer Zoetrope"));
  EXPECT_THAT(refusal().message(), HasSubstr("7000"));
}

TEST_F(SqliteStore, AFolderIsRefused) {
  std::filesystem::create_directory(file_);
  EXPECT_EQ(refusal(), Status(StatusCode::kUnavailable, file_ + ": is a folder"));
}

TEST_F(SqliteStore, ATruncatedFileIsRefusedOrReadNeverTrusted) {
  {
    auto store = open();
    for (int i = 0; i < 50; ++i) {
      ASSERT_TRUE(store->create(make_job(fmt::format("video_{}", i), i), 50).ok());
    }
  }
  std::filesystem::resize_file(file_, std::filesystem::file_size(file_) / 2 / 4096 * 4096);
  const auto store = open_store(file_);
  Status status = store.status();
  if (store.ok()) status = (*store)->list({.owner = "ann", .after = "", .limit = 50}).status();
  EXPECT_EQ(status.code(), StatusCode::kDataLoss) << status.message();
  EXPECT_THAT(status.message(), HasSubstr(file_));
}

// Runs `body` in a child process; true if it returned true there.
template <typename Body>
bool in_child(Body body) {
  const pid_t child = fork();
  if (child == 0) _exit(body() ? 0 : 1);
  int how = 0;
  waitpid(child, &how, 0);
  return WIFEXITED(how) && WEXITSTATUS(how) == 0;
}

TEST_F(SqliteStore, AReadOnlyFolderIsRefused) {
  ASSERT_EQ(chmod(folder_.path().c_str(), 0555), 0);
  const auto refused = [&] {
    // Root may write anywhere: then as nobody.
    if (getuid() == 0 && setuid(65534) != 0) return false;
    EXPECT_EQ(refusal(), Status(StatusCode::kUnavailable, file_ + ".lock: permission denied"));
    return !HasFailure();
  };
  EXPECT_TRUE(in_child(refused));
  ASSERT_EQ(chmod(folder_.path().c_str(), 0755), 0);
}

TEST_F(SqliteStore, AReadOnlyFileIsRefused) {
  open();
  ASSERT_EQ(chmod(folder_.path().c_str(), 0777), 0);
  ASSERT_EQ(chmod(file_.c_str(), 0444), 0);
  ASSERT_EQ(chmod((file_ + ".lock").c_str(), 0666), 0);
  const auto refused = [&] {
    if (getuid() == 0 && setuid(65534) != 0) return false;
    EXPECT_EQ(refusal(), Status(StatusCode::kUnavailable, file_ + ": cannot be written to"));
    return !HasFailure();
  };
  EXPECT_TRUE(in_child(refused));
}

TEST_F(SqliteStore, AFileThatAnotherProgramLocksIsAClearError) {
  const auto store = open();
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(file_.c_str(), &other), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  EXPECT_EQ(store->create(make_job("video_1", 1), 1).status(),
            Status(StatusCode::kUnavailable, file_ + ": locked by another program"));
  EXPECT_EQ(store->count_open().value_or_throw(), 0);  // reading goes on
  sqlite3_close(other);
  EXPECT_TRUE(store->create(make_job("video_1", 1), 1).ok());
}

bool disk_is_full = false;

ssize_t write_or_full(int file, const void* bytes, size_t size, off_t at) {
  if (!disk_is_full) return pwrite(file, bytes, size, at);
  errno = ENOSPC;
  return -1;
}

TEST_F(SqliteStore, AFullDiskIsAClearErrorAndHarmsNothing) {
  sqlite3_vfs* system = sqlite3_vfs_find(nullptr);
  const auto replace = [&](sqlite3_syscall_ptr call) {
    // SQLite uses the one of the two that its build found.
    system->xSetSystemCall(system, "pwrite", call);
    system->xSetSystemCall(system, "pwrite64", call);
  };
  const auto store = open();
  ASSERT_TRUE(store->create(make_job("video_1", 1), 9).ok());
  replace(reinterpret_cast<sqlite3_syscall_ptr>(write_or_full));
  disk_is_full = true;
  const Status status = store->create(make_job("video_2", 2), 9).status();
  EXPECT_EQ(status, Status(StatusCode::kUnavailable, file_ + ": no space left on device"));
  EXPECT_TRUE(store->find("ann", "video_1").ok());
  EXPECT_EQ(store->find("ann", "video_2").status().code(), StatusCode::kNotFound);
  disk_is_full = false;
  EXPECT_TRUE(store->create(make_job("video_2", 2), 9).ok());
  replace(nullptr);
}

TEST_F(SqliteStore, ADamagedRecordNamesItsJob) {
  {
    const auto store = open();
    for (int i = 1; i <= 5; ++i) {
      ASSERT_TRUE(store->create(make_job(fmt::format("video_{}", i), i), 9).ok());
    }
    ASSERT_TRUE(store->claim("a", 1, 100).value_or_throw());
  }
  run_sql(
      "UPDATE zoetrope_jobs SET request = '{' WHERE id IN ('video_1', 'video_2');"
      "UPDATE zoetrope_jobs SET deadline_ms = 'soon' WHERE id = 'video_3';"
      "UPDATE zoetrope_jobs SET state = 'lost' WHERE id = 'video_4';");
  const auto store = open();
  for (const auto* id : {"video_1", "video_3", "video_4"}) {
    const Status status = store->find("ann", id).status();
    EXPECT_EQ(status.code(), StatusCode::kDataLoss);
    EXPECT_THAT(status.message(),
                HasSubstr(std::string("job ") + id + ": its record in the store is damaged: "));
    EXPECT_EQ(status.message().find('\n'), std::string::npos);
  }
  EXPECT_EQ(store->list({.owner = "ann", .after = ""}).status().code(), StatusCode::kDataLoss);
  // They do not stop others from running, neither one that ran nor those that waited.
  EXPECT_EQ(store->recover("a").value_or_throw().size(), 0);
  EXPECT_EQ(store->claim("a", 7, 100).value_or_throw()->id, "video_5");
  EXPECT_EQ(store->count_open().value_or_throw(), 1);
  // And the operator can remove them.
  for (const auto* id : {"video_1", "video_2", "video_3", "video_4"}) {
    EXPECT_TRUE(store->remove("ann", id).ok()) << id;
  }
  EXPECT_TRUE(store->list({.owner = "ann", .after = ""}).ok());
}

// Writes until it is killed, and says through `acknowledge` what the store has confirmed:
// "c3" job 3 is created, "f3" it is completed.
[[noreturn]] void write_until_killed(const std::string& file, int first, int acknowledge) {
  const auto say = [&](char what, int number) {
    const int64_t line[2] = {what, number};
    if (write(acknowledge, line, sizeof line) != sizeof line) _exit(1);
  };
  auto store = open_store(file).value_or_throw();
  for (int number = first;; ++number) {
    if (!store->create(make_job(fmt::format("video_{}", number), number), 1 << 30).ok()) _exit(1);
    say('c', number);
    const auto job = store->claim("a", number, 0).value_or_throw();
    if (!job || !store->finish(ended(*job, JobState::kCompleted, number)).ok()) _exit(1);
    say('f', std::stoi(job->id.substr(6)));
  }
}

TEST_F(SqliteStore, EveryAcknowledgedWriteSurvivesAKill) {
  std::mt19937 random(7);
  int first = 0;
  size_t acknowledged = 0;
  for (int round = 0; round < 25; ++round) {
    int pipe_ends[2];
    ASSERT_EQ(pipe(pipe_ends), 0);
    const pid_t child = fork();
    if (child == 0) write_until_killed(file_, first, pipe_ends[1]);
    close(pipe_ends[1]);
    std::vector<std::array<int64_t, 2>> lines;
    std::array<int64_t, 2> line = {};
    const size_t enough = random() % 12;
    while (lines.size() < enough && read(pipe_ends[0], line.data(), sizeof line) == sizeof line) {
      lines.push_back(line);
    }
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 5000));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    while (read(pipe_ends[0], line.data(), sizeof line) == sizeof line) lines.push_back(line);
    close(pipe_ends[0]);
    acknowledged += lines.size();

    const auto store = open();
    for (const auto& [what, number] : lines) {
      const auto job = store->find("ann", fmt::format("video_{}", number));
      ASSERT_TRUE(job.ok()) << job.status().message();
      EXPECT_TRUE(what == 'c' || job->state == JobState::kCompleted);
      first = std::max(first, static_cast<int>(number) + 1);
    }
    ++first;  // one more may have been created, and not acknowledged
  }
  EXPECT_GT(acknowledged, 25);
}

}  // namespace
}  // namespace zoetrope::store
