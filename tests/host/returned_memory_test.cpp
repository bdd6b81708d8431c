// When a device has back what a process held, from readings by script.
#include "returned_memory.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace plimsoll::host {
namespace {

using namespace std::chrono_literals;

const device::DeviceId kCard{"CUDA0"};

// In use at each look; the last one stays.
class ScriptedCard final : public device::Probe {
 public:
  std::vector<Bytes> in_use{0_B};
  mutable std::size_t looks = 0;
  bool says_nothing = false;
  [[nodiscard]] std::string_view name() const noexcept override { return "scripted"; }
  [[nodiscard]] std::optional<device::MemoryReading> read(const device::DeviceInfo&) const override {
    if (says_nothing) return std::nullopt;
    device::MemoryReading out;
    out.total = 80_GiB;
    out.free = 80_GiB - in_use[std::min(looks++, in_use.size() - 1)];
    return out;
  }
};

class ReturnedMemoryTest : public ::testing::Test {
 protected:
  ReturnedMemoryTest() {
    devices.front().id = kCard;
    devices.front().type = device::DeviceType::gpu;
  }
  void take(const std::string& owner, Bytes bytes) {
    const memory::Tag tag{.device = kCard, .owner = owner, .stage = memory::Stage::weights, .buffer = "CUDA0"};
    ASSERT_TRUE(ledger.take(tag, bytes));
  }
  // The process holds 8 GiB, and others 3.
  void note_process() {
    take("in-process", 8_GiB);
    card.in_use = {11_GiB};
    memory.note(devices);
    card.looks = 0;
  }
  ScriptedCard card;
  memory::Ledger ledger;
  std::vector<device::DeviceInfo> devices{1};
  ReturnedMemory memory{card, ledger};
};

TEST_F(ReturnedMemoryTest, AReadingThatComesBackIsWaitedFor) {
  note_process();
  card.in_use = {11_GiB, 11_GiB, 7_GiB, 3_GiB};
  EXPECT_TRUE(memory.is_back_within(1h, {"in-process"}));
  EXPECT_EQ(card.looks, 4U);
}

TEST_F(ReturnedMemoryTest, NobodyWaitsForEver) {
  note_process();
  EXPECT_FALSE(memory.is_back_within(0ns, {"in-process"}));
  EXPECT_FALSE(memory.is_back_within(25ms, {"in-process"}));
  EXPECT_GE(card.looks, 3U);
}

TEST_F(ReturnedMemoryTest, WhatOurOthersTakeMeanwhileIsNotMissing) {
  note_process();
  take("beside", 20_GiB);
  card.in_use = {23_GiB};
  EXPECT_TRUE(memory.is_back_within(0ns, {"in-process"}));
  card.in_use = {31_GiB};
  EXPECT_FALSE(memory.is_back_within(0ns, {"in-process"}));
}

TEST_F(ReturnedMemoryTest, ALittleMoreOfOthersIsNoReasonToWait) {
  note_process();
  card.in_use = {4_GiB};
  EXPECT_TRUE(memory.is_back_within(0ns, {"in-process"}));
}

TEST_F(ReturnedMemoryTest, WhereNothingIsKnownNobodyWaits) {
  EXPECT_TRUE(memory.is_back_within(1h, {"in-process"})) << "nothing was noted";
  note_process();
  EXPECT_TRUE(memory.is_back_within(1h, {"of-another-memory"})) << "it held nothing there";
  card.says_nothing = true;
  EXPECT_TRUE(memory.is_back_within(1h, {"in-process"}));
}

TEST_F(ReturnedMemoryTest, TheHostsOwnMemoryIsNotLookedAt) {
  devices.front().memory_is_hosts = true;
  note_process();
  EXPECT_EQ(card.looks, 0U);
  EXPECT_TRUE(memory.is_back_within(1h, {"in-process"}));
}

}  // namespace
}  // namespace plimsoll::host
