#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "engine/threads.hpp"

#include "temporary_folder.hpp"

namespace plimsoll::engine {
namespace {

using testing::ElementsAre;

// A machine on paper.
class ThreadsTest : public testing::Test {
 protected:
  // Each core with its hardware threads.
  void cores(const std::vector<std::vector<int>>& cores) {
    for (const std::vector<int>& core : cores) {
      std::string siblings;
      for (const int processor : core) siblings += (siblings.empty() ? "" : ",") + std::to_string(processor);
      for (const int processor : core) {
        root_.write("sys/devices/system/cpu/cpu" + std::to_string(processor) + "/topology/thread_siblings_list",
                    siblings + "\n");
        allowed_.push_back(processor);
      }
    }
  }
  std::int32_t threads() const { return threads_for(read_processors(root_.path(), allowed_)); }

  test::TemporaryFolder root_;
  std::vector<int> allowed_;
};

TEST_F(ThreadsTest, OneForEachCoreNotForEachHardwareThread) {
  cores({{0, 4}, {1, 5}, {2, 6}, {3, 7}});
  EXPECT_THAT(read_processors(root_.path(), allowed_).cores,
              ElementsAre(ElementsAre(0, 4), ElementsAre(1, 5), ElementsAre(2, 6), ElementsAre(3, 7)));
  EXPECT_EQ(threads(), 4);
}

TEST_F(ThreadsTest, OnlyCoresThatTheProcessMayRunOn) {
  cores({{0, 4}, {1, 5}, {2, 6}, {3, 7}});
  allowed_ = {0, 4, 1};  // both threads of one core, one of another
  EXPECT_EQ(threads(), 2);
}

TEST_F(ThreadsTest, AMachineThatDoesNotTellOfCoresHasOneForEachProcessor) {
  allowed_ = {0, 1, 2};
  EXPECT_EQ(threads(), 3);
}

TEST_F(ThreadsTest, OfFastAndSlowCoresTheFastOnes) {
  cores({{0, 1}, {2, 3}, {4}, {5}, {6}, {7}});
  root_.write("sys/devices/cpu_core/cpus", "0-3\n");
  EXPECT_EQ(threads(), 2);
  allowed_ = {6, 7};  // held to the slow ones
  EXPECT_EQ(threads(), 2);
}

TEST_F(ThreadsTest, NoMoreThanTheQuotaPaysFor) {
  cores({{0}, {1}, {2}, {3}});
  root_.write("proc/self/cgroup", "0::/a/b\n");
  EXPECT_EQ(threads(), 4);
  root_.write("sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
  EXPECT_EQ(threads(), 4);
  root_.write("sys/fs/cgroup/a/b/cpu.max", "350000 100000\n");
  EXPECT_EQ(threads(), 3);
  root_.write("sys/fs/cgroup/a/cpu.max", "200000 100000\n");  // a parent's counts, too
  EXPECT_EQ(threads(), 2);
  root_.write("sys/fs/cgroup/a/cpu.max", "50000 100000\n");
  EXPECT_EQ(threads(), 1);
}

TEST_F(ThreadsTest, AQuotaOfVersionOneCountsUpToItsRoot) {
  cores({{0}, {1}, {2}, {3}});
  root_.write("proc/self/cgroup", "4:memory:/x\n3:cpu,cpuacct:/box/inner\n0::/\n");
  root_.write("sys/fs/cgroup/cpu,cpuacct/box/inner/cpu.cfs_quota_us", "-1\n");
  root_.write("sys/fs/cgroup/cpu,cpuacct/box/inner/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(threads(), 4);
  root_.write("sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_quota_us", "250000\n");
  root_.write("sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(threads(), 2);
}

// In a container the group's path is the host's, and only the mount's root is there.
TEST_F(ThreadsTest, AGroupThatIsNotThereIsLookedForAbove) {
  cores({{0}, {1}, {2}, {3}});
  root_.write("proc/self/cgroup", "2:cpuset:/docker/f00\n1:cpu:/docker/f00\n");
  root_.write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "100000\n");
  root_.write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "50000\n");
  EXPECT_EQ(threads(), 2);
}

TEST_F(ThreadsTest, WhatIsNoNumberIsNoLimit) {
  cores({{0}, {1}});
  root_.write("proc/self/cgroup", "nonsense\n0::/a\n::\n");
  root_.write("sys/fs/cgroup/a/cpu.max", "lots 0\n");
  EXPECT_EQ(threads(), 2);
  root_.write("sys/fs/cgroup/a/cpu.max", "100000 0\n");
  EXPECT_EQ(threads(), 2);
}

TEST(DefaultThreads, AreAtLeastOne) { EXPECT_GE(default_threads(), 1); }

TEST(BoundedWaiting, LeavesWhatSomebodyChose) {
  for (const char* name : {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY", "KMP_BLOCKTIME"}) {
    for (const char* other : {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY", "KMP_BLOCKTIME"}) unsetenv(other);
    ASSERT_EQ(bounded_waiting().size(), 2U);
    EXPECT_EQ(bounded_waiting()[0].first, "GOMP_SPINCOUNT");
    EXPECT_GE(std::atoll(bounded_waiting()[0].second.c_str()), 1000);
    setenv(name, "1", 1);
    EXPECT_TRUE(bounded_waiting().empty()) << name;
  }
  unsetenv("KMP_BLOCKTIME");
}

}  // namespace
}  // namespace plimsoll::engine
