#include <gtest/gtest.h>

#include "fake_machine.hpp"
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

  ManualClock clock;
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
