// How much a process grew on a card, from what NVIDIA's library says before and after; with the figures of an H100 that
// was seen on 2026-11-28: 81,559 MiB, of which 518 are used while nothing runs, and 725 by a process with a small
// model.
#include <gtest/gtest.h>

#include "device/meter.hpp"

#include "fake_machine.hpp"
#include "manual_clock.hpp"
#include "scripted_nvml.hpp"

namespace plimsoll::device {
namespace {

constexpr Bytes kIdle = 518_MiB;
constexpr Bytes kModel = 725_MiB;

class NvmlGrowthTest : public ::testing::Test {
 protected:
  [[nodiscard]] device::MemoryUse read() const { return device::use_of(probe.read(gpu)); }
  // Ours is there now, and the lists say what they say of it.
  static void load_model() { nvml_script().used = nvml_script().used + kModel; }

  test::ManualClock clock;
  DeviceInfo gpu = card("0000:c1:00.0");
  NvmlProbe probe{clock, scripted_nvml({.total = 81559_MiB, .used = kIdle})};
};

void expect_ours(const device::Growth& growth, Bytes bytes) {
  EXPECT_EQ(growth.whose, device::Whose::this_process);
  EXPECT_EQ(growth.bytes, bytes);
}

void expect_everybodys(const device::Growth& growth, Bytes bytes) {
  EXPECT_EQ(growth.whose, device::Whose::everybody);
  EXPECT_EQ(growth.bytes, bytes);
}

// Before it has a device context a process is not listed. What others used then is none of its growth.
TEST_F(NvmlGrowthTest, AProcessThatIsListedAfterwardsUsedNothingBefore) {
  const auto before = read();
  EXPECT_TRUE(before.unlisted);
  load_model();
  nvml_script().compute = {{our_pid(), kModel}};
  expect_ours(device::growth(before, read()), kModel);
}

TEST_F(NvmlGrowthTest, AProcessThatIsNeverListedIsMeasuredByTheWholeCard) {
  const auto before = read();
  load_model();
  expect_everybodys(device::growth(before, read()), kModel);
}

TEST_F(NvmlGrowthTest, AndSoIsOneThatIsListedUnderAnothersNumber) {
  const auto before = read();
  load_model();
  nvml_script().compute = {{our_pid() + 1, kModel}};
  expect_everybodys(device::growth(before, read()), kModel);
}

TEST_F(NvmlGrowthTest, AProcessInTheGraphicsListOnlyIsListed) {
  const auto before = read();
  load_model();
  nvml_script().graphics = {{our_pid(), kModel}};
  expect_ours(device::growth(before, read()), kModel);
}

// Vulkan's device puts a process into both lists, with one figure.
TEST_F(NvmlGrowthTest, WhatBothListsSayIsCountedOnce) {
  const auto before = read();
  load_model();
  nvml_script().compute = nvml_script().graphics = {{our_pid(), kModel}};
  expect_ours(device::growth(before, read()), kModel);
}

TEST_F(NvmlGrowthTest, ANeighboursGrowthIsNotOurs) {
  nvml_script().compute = {{our_pid() + 1, 6000_MiB}};
  nvml_script().used = kIdle + 6000_MiB;
  const auto before = read();
  load_model();
  nvml_script().used = nvml_script().used + 2000_MiB;
  nvml_script().compute = {{our_pid() + 1, 8000_MiB}, {our_pid(), kModel}};
  expect_ours(device::growth(before, read()), kModel);
}

TEST_F(NvmlGrowthTest, AnotherThatLeavesMeanwhileTakesNothingOffOurs) {
  nvml_script().compute = {{our_pid() + 1, 6000_MiB}};
  nvml_script().used = kIdle + 6000_MiB;
  const auto before = read();
  nvml_script().used = kIdle + kModel;
  nvml_script().compute = {{our_pid(), kModel}};
  expect_ours(device::growth(before, read()), kModel);
}

// Where only the whole card can be read, such a leave hides what we took. It must not come out as a negative, and the
// floor of the plan is for that.
TEST_F(NvmlGrowthTest, UnlistedAnotherThatLeavesHidesOurs) {
  nvml_script().used = kIdle + 6000_MiB;
  const auto before = read();
  nvml_script().used = kIdle + kModel;
  const device::Growth growth = device::growth(before, read());
  expect_everybodys(growth, 0_B);
  EXPECT_EQ(growth.shrunk, 6000_MiB - kModel);
}

// Once listed, the library sees this process: not to be listed any more is to use nothing.
TEST_F(NvmlGrowthTest, AProcessThatGaveItsContextBackUsesNothing) {
  nvml_script().compute = {{our_pid(), kModel}};
  const auto before = read();
  nvml_script().compute = {};
  const auto after = read();
  EXPECT_EQ(after.this_process, 0_B);
  EXPECT_FALSE(after.unlisted);
  EXPECT_EQ(device::growth(before, after).shrunk, kModel);
  nvml_script().compute = {{our_pid(), kModel}};
  expect_ours(device::growth(after, read()), kModel);
}

// In a pid namespace of its own a process can have the number that one outside has.
class NvmlInAPidNamespaceTest : public NvmlGrowthTest {
 protected:
  static constexpr unsigned int kOutside = 4'000'000;  // our number there
  static NvmlFunctions in_a_namespace() {
    NvmlFunctions functions = scripted_nvml({.total = 81559_MiB, .used = kIdle + 6000_MiB});
    functions.is_process_here = [](unsigned int pid) { return pid == our_pid(); };
    nvml_script().compute = {{our_pid(), 6000_MiB}};
    return functions;
  }
  NvmlProbe inside{clock, in_a_namespace()};
  [[nodiscard]] device::MemoryUse read_inside() const { return device::use_of(inside.read(gpu)); }
};

TEST_F(NvmlInAPidNamespaceTest, WhoHasOurNumberOutsideIsNotUs) {
  const auto before = read_inside();
  load_model();
  nvml_script().compute.push_back({kOutside, kModel});
  const auto after = read_inside();
  EXPECT_FALSE(after.this_process);
  expect_everybodys(device::growth(before, after), kModel);
  nvml_script().compute = {{kOutside, kModel}};  // the other one has gone
  EXPECT_FALSE(read_inside().this_process);
}

TEST_F(NvmlInAPidNamespaceTest, ALibraryThatKnowsOurNumbersIsBelieved) {
  nvml_script().compute = {{our_pid(), kModel}, {0, 6000_MiB}};  // 0: who is not in the namespace
  EXPECT_EQ(read_inside().this_process, kModel);
}

// A list that cannot be had says nothing of who is on the card: neither reading may then be taken for a zero.
TEST_F(NvmlGrowthTest, AListThatFailsIsNotAnEmptyList) {
  nvml_script().lists_fail = true;
  const auto before = read();
  EXPECT_FALSE(before.unlisted);
  nvml_script().lists_fail = false;
  load_model();
  nvml_script().compute = {{our_pid(), kModel}};
  expect_everybodys(device::growth(before, read()), kModel);
}

// The library tells of the whole card, the engine has a slice of it.
TEST_F(NvmlGrowthTest, ASliceIsReadAndNotTheCard) {
  nvml_script() = {.total = 81559_MiB,
                   .used = 30000_MiB,
                   .sliced = true,
                   .slice_uuid = "0a1b",
                   .slice_total = 9984_MiB,
                   .slice_used = 12_MiB};
  gpu.uuid = "0a1b";
  const auto reading = probe.read(gpu);
  ASSERT_TRUE(reading);
  EXPECT_EQ(reading->total, 9984_MiB);
  EXPECT_EQ(reading->free, 9972_MiB);
  const auto before = device::use_of(reading);
  nvml_script().slice_used = 12_MiB + kModel;
  nvml_script().compute = {{our_pid(), kModel, 7}};
  expect_ours(device::growth(before, read()), kModel);
}

TEST_F(NvmlGrowthTest, WhereTheSliceCannotBeFoundTheCardsTotalIsNotTakenForIts) {
  nvml_script() = {.total = 81559_MiB, .used = 30000_MiB, .sliced = true, .slice_uuid = "0a1b"};
  const auto reading = probe.read(gpu);  // its uuid is not known
  ASSERT_TRUE(reading);
  EXPECT_FALSE(reading->total);
  EXPECT_FALSE(reading->free);
  EXPECT_TRUE(reading->unlisted);
}

TEST_F(NvmlGrowthTest, MoreProcessesThanExpectedAreReadToo) {
  const auto before = read();
  for (unsigned int i = 1; i <= 700; ++i) nvml_script().compute.push_back({our_pid() + i, 1_MiB});
  nvml_script().compute.push_back({our_pid(), kModel});
  expect_ours(device::growth(before, read()), kModel);
}

}  // namespace
}  // namespace plimsoll::device
