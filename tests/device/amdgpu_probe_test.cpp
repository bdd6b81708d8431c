#include <gtest/gtest.h>

#include "fake_machine.hpp"
#include "manual_clock.hpp"
#include "probes.hpp"

namespace plimsoll::device {
namespace {

class AmdgpuProbeTest : public ::testing::Test {
 protected:
  std::optional<MemoryReading> read(const DeviceInfo& device) const {
    return AmdgpuProbe(clock, machine.sys(), machine.proc()).read(device);
  }
  test::ManualClock clock;
  FakeMachine machine;
  const DeviceInfo gpu = card("0000:03:00.0");
};

TEST_F(AmdgpuProbeTest, ReadsTheCardAtThePciAddress) {
  machine.amd_card("card0", "0000:0a:00.0", "1000", "900");
  machine.amd_card("card0-DP-1", "0000:03:00.0", "7", "7");  // a connector, not a card
  machine.amd_card("card1", "0000:03:00.0", "17163091968", "1048576");
  const auto reading = read(gpu);
  ASSERT_TRUE(reading);
  EXPECT_EQ(reading->total, 17163091968_B);
  EXPECT_EQ(reading->free, 17163091968_B - 1_MiB);
  EXPECT_FALSE(reading->used_by_us);
}

TEST_F(AmdgpuProbeTest, CountsEachClientOfThisProcessOnceAndOnThisCardOnly) {
  machine.amd_card("card1", "0000:03:00.0", "1000000000", "500000000");
  const auto client = [&](const char* descriptor, const char* pci, const char* id, const char* kib) {
    machine.write(std::string("proc/self/fdinfo/") + descriptor,
                  std::string("pos:\t0\ndrm-driver:\tamdgpu\ndrm-client-id:\t") + id + "\ndrm-pdev:\t" + pci +
                      "\ndrm-memory-vram:\t" + kib + " KiB\n");
  };
  client("5", "0000:03:00.0", "41", "1024");
  client("6", "0000:03:00.0", "41", "1024");  // the same client through a second descriptor
  client("7", "0000:03:00.0", "42", "512");
  client("8", "0000:0a:00.0", "43", "4096");
  machine.write("proc/self/fdinfo/1", "pos:\t0\nflags:\t02\n");
  ASSERT_TRUE(read(gpu));
  EXPECT_EQ(read(gpu)->used_by_us, 1536_KiB);
}

// Before it opens the card a process uses nothing of it: that is another thing than not to know.
TEST_F(AmdgpuProbeTest, AProcessThatHasNotOpenedTheCardIsUnlisted) {
  machine.amd_card("card1", "0000:03:00.0", "1000000000", "500000000");
  EXPECT_FALSE(read(gpu)->unlisted);  // nothing can be said of its descriptors
  machine.write("proc/self/fdinfo/1", "pos:\t0\nflags:\t02\n");
  machine.write("proc/self/fdinfo/8", "drm-client-id:\t43\ndrm-pdev:\t0000:0a:00.0\ndrm-memory-vram:\t4096 KiB\n");
  EXPECT_TRUE(read(gpu)->unlisted);
  machine.write("proc/self/fdinfo/9", "drm-client-id:\t44\ndrm-pdev:\t0000:03:00.0\n");  // an older kernel
  EXPECT_FALSE(read(gpu)->unlisted);
  EXPECT_FALSE(read(gpu)->used_by_us);
}

TEST_F(AmdgpuProbeTest, SaysNothingWhereACounterIsMissing) {
  machine.amd_card("card0", "0000:03:00.0", "1000", "");
  machine.amd_card("card1", "0000:04:00.0", "", "");  // another vendor's card
  EXPECT_FALSE(read(gpu));
  EXPECT_FALSE(read(card("0000:04:00.0")));
}

TEST_F(AmdgpuProbeTest, SaysNothingOfOtherDevices) {
  machine.amd_card("card0", "0000:03:00.0", "1000", "10");
  EXPECT_FALSE(read(card("0000:05:00.0")));
  EXPECT_FALSE(read(host_device()));
  DeviceInfo integrated = gpu;
  integrated.memory_is_hosts = true;  // its "VRAM" is a carve-out, what it uses is the host's
  EXPECT_FALSE(read(integrated));
}

}  // namespace
}  // namespace plimsoll::device
