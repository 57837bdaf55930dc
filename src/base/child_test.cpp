#include "base/child.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <sstream>

#include "support/temporary_folder.h"

namespace zoetrope::base {
namespace {

using std::chrono::milliseconds;

TEST(ChildTest, WritesItsLogAndEnds) {
  const test_support::TemporaryFolder folder;
  Child child =
      Child::start({"/bin/sh", "-c", "echo hello; exit 3"}, folder.path() / "log").value_or_throw();
  while (child.running()) {
  }
  std::stringstream log;
  log << std::ifstream(folder.path() / "log").rdbuf();
  EXPECT_EQ(log.str(), "hello\n");
  EXPECT_EQ(child.exit_code(), 3);
}

TEST(ChildTest, InheritsNoDescriptor) {
  const test_support::TemporaryFolder folder;
  const int kept = dup(STDERR_FILENO);
  Child child = Child::start({"/bin/sh", "-c",
                              "test -e /proc/self/fd/" + std::to_string(kept) + " && echo open"},
                             folder.path() / "log")
                    .value_or_throw();
  while (child.running()) {
  }
  close(kept);
  EXPECT_EQ(std::filesystem::file_size(folder.path() / "log"), 0u);
}

TEST(ChildTest, IsStoppedEvenIfItDoesNotListen) {
  const test_support::TemporaryFolder folder;
  Child child =
      Child::start({"/bin/sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 0.01; done"},
                   folder.path() / "log")
          .value_or_throw();
  while (last_line(folder.path() / "log") != "deaf") EXPECT_TRUE(child.running());
  child.stop(milliseconds(100));
  EXPECT_FALSE(child.running());
  EXPECT_EQ(child.exit_code(), 128 + SIGKILL);
}

TEST(ChildTest, OneThatCannotStartIsNotRunning) {
  const test_support::TemporaryFolder folder;
  Child child = Child::start({"/nonexistent/program"}, folder.path() / "log").value_or_throw();
  while (child.running()) {
  }
  EXPECT_EQ(child.exit_code(), 127);
  EXPECT_FALSE(Child::start({"/bin/true"}, folder.path() / "no" / "log").ok());
}

}  // namespace
}  // namespace zoetrope::base
