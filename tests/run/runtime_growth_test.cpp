// What backends took for themselves, from readings by script: an H100's, with a small model on it whose exact part is
// 8 MiB, and a host.
#include "runtime_growth.hpp"

#include <gtest/gtest.h>

#include <map>
#include <optional>

namespace plimsoll::run {
namespace {

const device::DeviceId kCard{"NoSuchCard0"};  // ggml does not know it, so no context is made for it here
const device::DeviceId kHost = device::host();

device::DeviceInfo card_info() {
  device::DeviceInfo info;
  info.id = kCard;
  info.type = device::DeviceType::gpu;
  return info;
}

device::DeviceInfo host_info() {
  device::DeviceInfo info;
  info.id = kHost;
  info.memory_is_hosts = true;
  return info;
}

class ScriptedProbe final : public device::Probe {
 public:
  std::map<device::DeviceId, device::MemoryReading> says;
  [[nodiscard]] std::string_view name() const noexcept override { return "scripted"; }
  [[nodiscard]] std::optional<device::MemoryReading> read(const device::DeviceInfo& device) const override {
    const auto found = says.find(device.id);
    return found == says.end() ? std::nullopt : std::optional(found->second);
  }
};

device::MemoryReading reading(Bytes used, std::optional<Bytes> ours, bool unlisted = false) {
  device::MemoryReading out;
  out.total = 81559_MiB;
  out.free = 81559_MiB - used;
  out.used_by_us = ours;
  out.unlisted = unlisted;
  out.source = "nvml";
  return out;
}

class RuntimeGrowthTest : public ::testing::Test {
 protected:
  void take(const device::DeviceId& device, const std::string& owner, Bytes bytes,
            memory::Stage stage = memory::Stage::weights) {
    ASSERT_TRUE(ledger.take({.device = device, .owner = owner, .stage = stage, .buffer = device.name()}, bytes));
  }
  ScriptedProbe probe;
  memory::Ledger ledger;
};

// Taken for total less free before and for this process's use after, it came out as 199.
TEST_F(RuntimeGrowthTest, ACardsContextIsPartOfIt) {
  const device::Meter meter(probe, {card_info()});
  probe.says[kCard] = reading(518_MiB, {}, true);
  const RuntimeGrowth growth(ledger, meter, {card_info()});
  probe.says[kCard] = reading(518_MiB + 725_MiB, 725_MiB);
  take(kCard, "bosun-log", 8_MiB);
  const auto figures = growth.measure();
  ASSERT_EQ(figures.size(), 1U);
  EXPECT_EQ(figures[0].bytes, 717_MiB);
  EXPECT_EQ(figures[0].whose, device::Whose::this_process);
  EXPECT_TRUE(figures[0].alone);
}

TEST_F(RuntimeGrowthTest, WhereTheProcessIsNeverListedTheWholeCardIsReadBothTimes) {
  const device::Meter meter(probe, {card_info()});
  probe.says[kCard] = reading(518_MiB, {}, true);
  const RuntimeGrowth growth(ledger, meter, {card_info()});
  probe.says[kCard] = reading(518_MiB + 725_MiB, {}, true);
  take(kCard, "bosun-log", 8_MiB);
  EXPECT_EQ(growth.measure()[0].bytes, 717_MiB);
  EXPECT_EQ(growth.measure()[0].whose, device::Whose::everybody);
}

// A dry run in this process makes the context before anything is loaded, and charges nothing.
TEST_F(RuntimeGrowthTest, AContextThatADryRunMadeIsTheFirstModels) {
  const device::Meter meter(probe, {card_info()});
  probe.says[kCard] = reading(518_MiB + 543_MiB, 543_MiB);
  const RuntimeGrowth growth(ledger, meter, {card_info()});
  probe.says[kCard] = reading(518_MiB + 725_MiB, 725_MiB);
  take(kCard, "bosun-log", 8_MiB);
  EXPECT_EQ(growth.measure()[0].bytes, 717_MiB);
  EXPECT_FALSE(growth.measure()[0].had_context);
}

TEST_F(RuntimeGrowthTest, ASecondModelsIsWhatItAdds) {
  const device::Meter meter(probe, {card_info()});
  take(kCard, "bosun-log", 8_MiB);
  take(kCard, "bosun-log", 717_MiB, memory::Stage::runtime);
  probe.says[kCard] = reading(518_MiB + 725_MiB, 725_MiB);
  const RuntimeGrowth growth(ledger, meter, {card_info()});
  take(kCard, "8B", 5470_MiB);
  probe.says[kCard] = reading(518_MiB + 725_MiB + 5470_MiB + 60_MiB, 725_MiB + 5470_MiB + 60_MiB);
  EXPECT_EQ(growth.measure()[0].bytes, 60_MiB);
  EXPECT_TRUE(growth.measure()[0].had_context);
}

// The card is CUDA's, too, and CUDA has a model there: its bytes are known, its context is not this backend's.
TEST_F(RuntimeGrowthTest, AnotherBackendsContextIsNotThisOnes) {
  const device::DeviceId other{"NoSuchBackend0"};
  ledger.join(other, kCard);
  const device::Meter meter(probe, {card_info()});
  take(other, "bosun-log", 8_MiB);
  take(other, "bosun-log", 717_MiB, memory::Stage::runtime);
  probe.says[kCard] = reading(518_MiB + 725_MiB, 725_MiB);
  const RuntimeGrowth growth(ledger, meter, {card_info()});
  take(kCard, "8B", 5470_MiB);
  probe.says[kCard] = reading(518_MiB + 725_MiB + 5470_MiB + 536_MiB, 725_MiB + 5470_MiB + 536_MiB);
  EXPECT_EQ(growth.measure()[0].bytes, 536_MiB);
  EXPECT_FALSE(growth.measure()[0].had_context);
}

// What a neighbour takes or gives back in the same time is in the accounting under its own name.
TEST_F(RuntimeGrowthTest, ANeighboursBuffersAreNotThisModels) {
  const device::Meter meter(probe, {host_info()});
  take(kHost, "leaving", 300_MiB);
  probe.says[kHost] = reading(500_MiB, 400_MiB);
  const RuntimeGrowth growth(ledger, meter, {host_info()});
  take(kHost, "a", 50_MiB);
  take(kHost, "coming", 200_MiB);
  ledger.give_back({.device = kHost, .owner = "leaving", .stage = memory::Stage::weights, .buffer = "CPU"}, 300_MiB);
  probe.says[kHost] = reading(500_MiB, 400_MiB + 50_MiB + 200_MiB - 300_MiB + 2_MiB);
  EXPECT_EQ(growth.measure()[0].bytes, 2_MiB);
}

TEST_F(RuntimeGrowthTest, TwoAtOnceMeasureEachOther) {
  const device::Meter on_host(probe, {host_info()});
  const device::Meter on_card(probe, {card_info()});
  probe.says[kHost] = reading(500_MiB, 400_MiB);
  probe.says[kCard] = reading(518_MiB, {}, true);
  {
    const RuntimeGrowth first(ledger, on_host, {host_info()});
    EXPECT_TRUE(first.measure()[0].alone);
    {
      const RuntimeGrowth second(ledger, on_host, {host_info()});
      EXPECT_FALSE(second.measure()[0].alone);
    }
    EXPECT_FALSE(first.measure()[0].alone);  // it was there in between
  }
  const RuntimeGrowth third(ledger, on_host, {host_info()});
  EXPECT_TRUE(third.measure()[0].alone);
  // A load on a card takes host memory as well; one on the host takes none of the card's.
  const RuntimeGrowth elsewhere(ledger, on_card, {card_info()});
  EXPECT_TRUE(elsewhere.measure()[0].alone);
  EXPECT_FALSE(third.measure()[0].alone);
}

}  // namespace
}  // namespace plimsoll::run
