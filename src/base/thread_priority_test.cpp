#include "base/thread_priority.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <thread>

namespace zoetrope::base {
namespace {

int niceness() { return getpriority(PRIO_PROCESS, 0); }

TEST(ThreadPriority, ComputingThreadsGiveWayAndSoDoTheirChildren) {
  const int before = niceness();
  int of_thread = 0;
  int of_child = 0;
  std::thread([&] {
    prefer_throughput();
    of_thread = niceness();
    std::thread([&] { of_child = niceness(); }).join();
  }).join();
  EXPECT_EQ(of_thread, std::min(before + 10, 19));
  EXPECT_EQ(of_child, of_thread);
  EXPECT_EQ(niceness(), before) << "other threads keep theirs";
}

TEST(ThreadPriority, AnsweringThreadsKeepTheirShare) {
  const int before = niceness();
  int of_thread = 99;
  std::thread([&] {
    prefer_latency();
    of_thread = niceness();
  }).join();
  EXPECT_EQ(of_thread, before);
}

}  // namespace
}  // namespace zoetrope::base
