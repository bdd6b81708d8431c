#include <gtest/gtest.h>

#include "fake_machine.hpp"
#include "manual_clock.hpp"
#include "probes.hpp"

namespace plimsoll::device {
namespace {

class HostProbesTest : public ::testing::Test {
 protected:
  std::optional<MemoryReading> cgroup() const {
    return CgroupProbe(clock, machine.proc(), machine.cgroup()).read(host_device());
  }
  std::optional<MemoryReading> meminfo() const { return MeminfoProbe(clock, machine.proc()).read(host_device()); }
  std::optional<MemoryReading> process() const { return ProcessProbe(clock, machine.proc()).read(host_device()); }

  test::ManualClock clock;
  FakeMachine machine;
};

TEST_F(HostProbesTest, MeminfoSaysTotalAndWhatIsAvailable) {
  machine.meminfo_kib(1000, 400);
  const auto reading = meminfo();
  ASSERT_TRUE(reading);
  EXPECT_EQ(reading->total, 1000_KiB);
  EXPECT_EQ(reading->free, 400_KiB);
  EXPECT_FALSE(reading->used_by_us);
}

TEST_F(HostProbesTest, MeminfoLeavesOutWhatTheKernelDoesNotSay) {
  machine.write("proc/meminfo", "MemTotal: 1000 kB\nMemFree: 300 kB\n");  // before Linux 3.14
  ASSERT_TRUE(meminfo());
  EXPECT_FALSE(meminfo()->free);
  machine.write("proc/meminfo", "MemTotal: much kB\n");
  EXPECT_FALSE(meminfo());
}

TEST_F(HostProbesTest, TheProcessHoldsWhatNoFileBacks) {
  machine.write("proc/self/status", "Name:\tx\nRssAnon:\t     100 kB\nRssFile:\t    9000 kB\nRssShmem:\t      20 kB\n");
  const auto reading = process();
  ASSERT_TRUE(reading);
  EXPECT_EQ(reading->used_by_us, 120_KiB);
  EXPECT_FALSE(reading->total);
  EXPECT_FALSE(reading->free);
}

TEST_F(HostProbesTest, AGroupWithoutALimitSaysNothing) {
  machine.meminfo_kib(1000, 400);
  machine.write("proc/self/cgroup", "0::/user.slice\n");
  machine.group("user.slice", "max", "4096");
  EXPECT_FALSE(cgroup());
}

TEST_F(HostProbesTest, AGroupsLimitIsTheTotal) {
  machine.meminfo_kib(1000, 800);
  machine.write("proc/self/cgroup", "1:name=systemd:/elsewhere\n0::/a\n");
  machine.group("a", "512000", "112000");
  const auto reading = cgroup();
  ASSERT_TRUE(reading);
  EXPECT_EQ(reading->total, 512000_B);
  EXPECT_EQ(reading->free, 400000_B);
}

TEST_F(HostProbesTest, TheTightestGroupOnTheWayUpDecidesEachField) {
  machine.meminfo_kib(1000, 1000);
  machine.write("proc/self/cgroup", "0::/outer/inner/leaf\n");
  machine.group("outer", "600000", "590000");        // nearly full, through its other children
  machine.group("outer/inner", "500000", "100000");  // the smallest limit
  machine.group("outer/inner/leaf", "max", "50000");
  const auto reading = cgroup();
  ASSERT_TRUE(reading);
  EXPECT_EQ(reading->total, 500000_B);
  EXPECT_EQ(reading->free, 10000_B);
}

// In a container the own group is the root of what can be seen.
TEST_F(HostProbesTest, TheRootGroupMayHaveALimitToo) {
  machine.meminfo_kib(1000, 1000);
  machine.write("proc/self/cgroup", "0::/\n");
  machine.group(".", "500000", "100000");
  ASSERT_TRUE(cgroup());
  EXPECT_EQ(cgroup()->free, 400000_B);
}

TEST_F(HostProbesTest, AFullerMachineLeavesAGroupLess) {
  machine.meminfo_kib(1000, 100);
  machine.write("proc/self/cgroup", "0::/a\n");
  machine.group("a", "512000", "0");
  ASSERT_TRUE(cgroup());
  EXPECT_EQ(cgroup()->free, 100_KiB);
}

TEST_F(HostProbesTest, ALimitAboveTheMachineLimitsNothing) {
  machine.meminfo_kib(1000, 100);
  machine.write("proc/self/cgroup", "0::/a\n");
  machine.group("a", "9223372036854771712", "0");
  EXPECT_FALSE(cgroup());
}

// Reading a model file fills the group with page cache that the kernel gives up as soon as someone asks for memory.
TEST_F(HostProbesTest, PageCacheOfTheGroupIsAvailable) {
  machine.meminfo_kib(1000, 1000);
  machine.write("proc/self/cgroup", "0::/a\n");
  machine.group("a", "500000", "450000",
                "anon 100000\nfile 350000\nshmem 50000\ninactive_file 200000\nactive_file 100000\n");
  ASSERT_TRUE(cgroup());
  EXPECT_EQ(cgroup()->free, 350000_B);
}

TEST_F(HostProbesTest, WithoutTheGroupsUseWhatIsFreeIsUnknown) {
  machine.meminfo_kib(1000, 1000);
  machine.write("proc/self/cgroup", "0::/a\n");
  machine.group("a", "500000", "");
  ASSERT_TRUE(cgroup());
  EXPECT_EQ(cgroup()->total, 500000_B);
  EXPECT_FALSE(cgroup()->free);
}

// Beyond it the kernel does not kill, but lets nobody go on.
TEST_F(HostProbesTest, AGroupThatIsSlowedDownIsLimitedToo) {
  machine.meminfo_kib(1000, 1000);
  machine.write("proc/self/cgroup", "0::/a/b\n");
  machine.group("a", "500000", "100000");
  machine.write("sys/fs/cgroup/a/memory.high", "300000\n");
  machine.group("a/b", "max", "50000");
  machine.write("sys/fs/cgroup/a/b/memory.high", "max\n");
  ASSERT_TRUE(cgroup());
  EXPECT_EQ(cgroup()->total, 300000_B);
  EXPECT_EQ(cgroup()->free, 200000_B);
}

TEST_F(HostProbesTest, SwapIsNotFreeMemory) {
  machine.write("proc/meminfo", "MemTotal: 1000 kB\nMemAvailable: 400 kB\nSwapTotal: 9000 kB\nSwapFree: 9000 kB\n");
  ASSERT_TRUE(meminfo());
  EXPECT_EQ(meminfo()->free, 400_KiB);
  machine.write("proc/self/cgroup", "4:memory:/a\n");
  machine.memory_group("a", "300000", "290000", "total_swap 5000\nhierarchical_memsw_limit 9000000\n");
  machine.write("sys/fs/cgroup/memory/a/memory.memsw.limit_in_bytes", "9000000\n");
  ASSERT_TRUE(cgroup());
  EXPECT_EQ(cgroup()->total, 300000_B);
  EXPECT_EQ(cgroup()->free, 10000_B);
}

constexpr const char* kNoLimit = "9223372036854771712";

TEST_F(HostProbesTest, TheFirstVersionsMemoryGroupLimitsToo) {
  machine.meminfo_kib(1000, 1000);
  machine.write("proc/self/cgroup", "9:name=systemd:/\n8:cpu,memory:/a/b\n1:cpuset:/elsewhere\n0::/\n");
  machine.memory_group("", kNoLimit, "800000");
  machine.memory_group("a", "600000", "590000", "total_inactive_file 300000\ntotal_active_file 40000\n");
  machine.memory_group("a/b", "500000", "100000", "inactive_file 7\ntotal_inactive_file 20000\n");
  machine.write("sys/fs/cgroup/unified/cgroup.procs", "");
  ASSERT_TRUE(cgroup());
  EXPECT_EQ(cgroup()->total, 500000_B);
  EXPECT_EQ(cgroup()->free, 350000_B);  // of the parent's: 600000 - (590000 - 340000)
}

TEST_F(HostProbesTest, WithoutALimitItSaysNothing) {
  machine.meminfo_kib(1000, 1000);
  machine.write("proc/self/cgroup", "4:memory:/a\n");
  machine.memory_group("", kNoLimit, "800000");
  machine.memory_group("a", kNoLimit, "100000", std::string("hierarchical_memory_limit ") + kNoLimit + "\n");
  EXPECT_FALSE(cgroup());
}

TEST_F(HostProbesTest, AParentThatDoesNotCountItsChildrenDoesNotLimitThem) {
  machine.meminfo_kib(1000, 1000);
  machine.write("proc/self/cgroup", "4:memory:/a/b\n");
  machine.memory_group("", kNoLimit, "800000", {}, "0");
  machine.memory_group("a", "200000", "190000", {}, "0");
  machine.memory_group("a/b", "500000", "100000");
  ASSERT_TRUE(cgroup());
  EXPECT_EQ(cgroup()->total, 500000_B);
  EXPECT_EQ(cgroup()->free, 400000_B);
}

// A container sees its own group as the root, by a path that is the host's; what is above it, only its own files tell.
TEST_F(HostProbesTest, InAContainerTheOwnGroupIsTheRootAndKnowsTheLimitAboveIt) {
  machine.meminfo_kib(1000, 1000);
  machine.write("proc/self/cgroup", "4:memory:/docker/1f00/inner\n");
  machine.memory_group("", kNoLimit, "200000", "hierarchical_memory_limit 700000\n");
  machine.memory_group("inner", kNoLimit, "100000", "hierarchical_memory_limit 300000\n");
  ASSERT_TRUE(cgroup());
  EXPECT_EQ(cgroup()->total, 300000_B);
  EXPECT_EQ(cgroup()->free, 200000_B);
}

TEST_F(HostProbesTest, WithoutFilesNothingIsKnown) {
  EXPECT_FALSE(meminfo());
  EXPECT_FALSE(process());
  EXPECT_FALSE(cgroup());
}

TEST_F(HostProbesTest, ADeviceWithMemoryOfItsOwnIsNoneOfTheHosts) {
  machine.meminfo_kib(1000, 400);
  machine.write("proc/self/status", "RssAnon: 1 kB\nRssShmem: 1 kB\n");
  machine.write("proc/self/cgroup", "0::/a\n");
  machine.group("a", "500000", "1");
  const DeviceInfo gpu = card("0000:03:00.0");
  EXPECT_FALSE(MeminfoProbe(clock, machine.proc()).read(gpu));
  EXPECT_FALSE(ProcessProbe(clock, machine.proc()).read(gpu));
  EXPECT_FALSE(CgroupProbe(clock, machine.proc(), machine.cgroup()).read(gpu));
}

}  // namespace
}  // namespace plimsoll::device
