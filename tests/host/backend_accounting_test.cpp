// What backends keep, from readings by script: one card that CUDA0 and Vulkan0 offer.
#include "backend_accounting.hpp"

#include <gtest/gtest.h>

namespace plimsoll::host {
namespace {

const device::DeviceId kCuda{"CUDA0"};
const device::DeviceId kVulkan{"Vulkan0"};

class OneReading final : public device::Probe {
 public:
  Bytes ours;
  [[nodiscard]] std::string_view name() const noexcept override { return "scripted"; }
  [[nodiscard]] std::optional<device::MemoryReading> read(const device::DeviceInfo&) const override {
    device::MemoryReading out;
    out.total = 80_GiB;
    out.free = 79_GiB - ours;
    out.used_by_us = ours;
    out.source = "scripted";
    return out;
  }
};

std::vector<device::DeviceInfo> one_card() {
  std::vector<device::DeviceInfo> devices(2);
  devices[0].id = kCuda;
  devices[1].id = kVulkan;
  devices[1].same_memory_as = kCuda;
  for (device::DeviceInfo& info : devices) info.type = device::DeviceType::gpu;
  return devices;
}

class BackendAccountingTest : public ::testing::Test {
 protected:
  BackendAccountingTest() { ledger.join(kVulkan, kCuda); }
  OneReading probe;
  memory::Ledger ledger;
  BackendAccounting record{ledger, probe, one_card()};
};

using Growth = std::vector<std::pair<device::DeviceId, Bytes>>;

TEST_F(BackendAccountingTest, ItIsChargedUnderTheDeviceThatWasComputedOn) {
  probe.ours = 500_MiB;
  EXPECT_EQ(record.charge_what_stayed({kVulkan}), (Growth{{kVulkan, 500_MiB}}));
  EXPECT_EQ(record.held_on(kVulkan), 500_MiB);
  EXPECT_EQ(record.held_on(kCuda), 0_B) << "what Vulkan made, CUDA does not find made";
  EXPECT_EQ(ledger.account(kCuda).taken, 500_MiB) << "it is the card's all the same";

  probe.ours = 700_MiB;
  EXPECT_EQ(record.charge_what_stayed({kCuda}), (Growth{{kCuda, 200_MiB}}));
  EXPECT_EQ(record.held_on(kVulkan), 500_MiB);
  EXPECT_EQ(record.held_on(kCuda), 200_MiB);
  EXPECT_EQ(ledger.account(kVulkan).taken, 700_MiB);
}

TEST_F(BackendAccountingTest, WhatModelsHoldUnderEitherNameIsNotTheBackends) {
  const memory::Tag tag{.device = kVulkan, .owner = "a", .stage = memory::Stage::weights, .buffer = "Vulkan0"};
  ASSERT_TRUE(ledger.take(tag, 4_GiB));
  probe.ours = 4_GiB + 300_MiB;
  EXPECT_EQ(record.charge_what_stayed({kCuda}), (Growth{{kCuda, 300_MiB}}));
  ledger.give_back(tag, 4_GiB);
}

TEST_F(BackendAccountingTest, WhatIsGivenBackIsTakenOffWhoeverHasIt) {
  probe.ours = 500_MiB;
  (void)record.charge_what_stayed({kVulkan});
  probe.ours = 100_MiB;
  EXPECT_EQ(record.charge_what_stayed({kCuda}), (Growth{{kCuda, 0_B}}));
  EXPECT_EQ(record.held_on(kVulkan), 100_MiB);
  probe.ours = 0_B;
  (void)record.charge_what_stayed();
  EXPECT_TRUE(ledger.empty());
}

TEST(BackendAccountingInHostMemoryTest, WhatTheProcessTakesBesideIsNoBackendsWhereNobodyComputed) {
  device::DeviceInfo cpu;
  cpu.id = device::DeviceId{"CPU"};
  device::DeviceInfo integrated;
  integrated.id = kVulkan;
  integrated.type = device::DeviceType::integrated_gpu;
  integrated.memory_is_hosts = true;
  OneReading probe;
  memory::Ledger ledger;
  BackendAccounting record(ledger, probe, {cpu, integrated});

  probe.ours = 8_MiB;  // connections, texts, what the allocator keeps
  EXPECT_EQ(record.charge_what_stayed({cpu.id}), Growth{});
  EXPECT_TRUE(ledger.empty());

  EXPECT_EQ(record.charge_what_stayed({kVulkan}), (Growth{{kVulkan, 8_MiB}}));
  (void)record.charge_what_stayed({cpu.id});
  EXPECT_EQ(record.held_on(kVulkan), 8_MiB) << "it has not gone";
}

}  // namespace
}  // namespace plimsoll::host
