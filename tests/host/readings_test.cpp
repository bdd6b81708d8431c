// Readings beside accounting of hand-written entries: a card that two backends offer is one memory, as the host's is.
#include "readings.hpp"

#include <gtest/gtest.h>

namespace plimsoll::host {
namespace {

const device::DeviceId kCuda{"CUDA0"};
const device::DeviceId kVulkan{"Vulkan0"};

plan::DeviceState state(const device::DeviceId& id, Bytes total, Bytes free) {
  plan::DeviceState out;
  out.info.id = id;
  out.info.type = id.is_host() ? device::DeviceType::cpu : device::DeviceType::gpu;
  out.info.memory_is_hosts = id.is_host();
  if (id == kVulkan) out.info.same_memory_as = kCuda;
  out.reading.total = total;
  out.reading.free = free;
  return out;
}

memory::Entry entry(const std::string& owner, const device::DeviceId& device, Bytes planned, Bytes taken,
                    memory::Stage stage = memory::Stage::weights) {
  return {.tag = {.device = device, .owner = owner, .stage = stage, .buffer = device.name()},
          .planned = planned,
          .taken = {.current = taken, .peak = taken, .total = taken},
          .allocations = 1,
          .charged = true};
}

// "a" is the fleet's and on Vulkan0, "backends" on CUDA0; 10 GiB are others'.
class ReadingsTest : public ::testing::Test {
 protected:
  [[nodiscard]] Accounting accounting() const {
    return {.entries = entries,
            .is_fleets = [](const std::string& owner) { return owner == "a"; },
            .has_gone = [](const std::string&) { return false; }};
  }
  std::vector<memory::Entry> entries{entry("a", kVulkan, 20_GiB, 15_GiB),
                                     entry("backends", kCuda, 0_B, 1_GiB, memory::Stage::runtime)};
  std::vector<plan::DeviceState> both{state(kCuda, 80_GiB, 54_GiB), state(kVulkan, 80_GiB, 54_GiB)};
};

TEST_F(ReadingsTest, WhatIsOursUnderEitherNameIsNotOthers) {
  const Moment moment = moment_of(accounting(), both);
  ASSERT_EQ(moment.others.size(), 2U);
  for (const auto& [device, bytes] : moment.others) EXPECT_EQ(bytes, 10_GiB) << device.name();
  ASSERT_EQ(moment.holdings.size(), 1U);
  EXPECT_EQ(moment.holdings[0].device, kVulkan);
  EXPECT_EQ(moment.holdings[0].comes_back, 15_GiB);
  EXPECT_EQ(moment.holdings[0].promised, 5_GiB);
}

TEST_F(ReadingsTest, SetAsideTheFleetIsGoneFromTheCardAndTheRestCountsOnIt) {
  for (const plan::DeviceState& device : with_ours_set_aside(accounting(), both)) {
    EXPECT_EQ(device.ours, 1_GiB) << device.info.id.name();
    EXPECT_EQ(device.reading.free, 69_GiB) << device.info.id.name();
  }
}

TEST_F(ReadingsTest, AnotherCardIsAnother) {
  plan::DeviceState other = state(device::DeviceId{"CUDA1"}, 80_GiB, 79_GiB);
  both.push_back(other);
  const auto aside = with_ours_set_aside(accounting(), both);
  EXPECT_EQ(aside[2].ours, 0_B);
  EXPECT_EQ(aside[2].reading.free, 79_GiB);
}

// A software device in the host's memory has a line of its own, and what it holds is not others'.
TEST_F(ReadingsTest, DevicesInHostMemoryAreOneMemoryWithABudgetEach) {
  plan::DeviceState software = state(device::DeviceId{"Soft0"}, 64_GiB, 50_GiB);
  software.info.memory_is_hosts = true;
  const std::vector<plan::DeviceState> hosts{software, state(device::host(), 64_GiB, 50_GiB)};
  entries = {entry("a", software.info.id, 4_GiB, 4_GiB), entry("backends", software.info.id, 0_B, 1_GiB)};
  const auto aside = with_ours_set_aside(accounting(), hosts);
  EXPECT_EQ(aside[0].ours, 1_GiB);
  EXPECT_EQ(aside[1].ours, 0_B);
  for (const plan::DeviceState& device : aside) EXPECT_EQ(device.reading.free, 54_GiB);
  for (const auto& [device, bytes] : moment_of(accounting(), hosts).others) EXPECT_EQ(bytes, 9_GiB) << device.name();
}

}  // namespace
}  // namespace plimsoll::host
