// What passes between a guarded program's own ledger and the machine's.
#include "guard/allowance.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace plimsoll::guard {
namespace {

using memory::OuterLedger;

const device::DeviceId kHost = device::host();
const device::DeviceId kCard{"Vulkan0"};

// The machine's ledger: how much of each memory it has promised, and what it was told.
class Machine final : public OuterLedger {
 public:
  std::map<device::DeviceId, Bytes> free{{kHost, 64_MiB}, {kCard, 64_MiB}};
  std::map<device::DeviceId, Bytes> reserved;
  std::map<device::DeviceId, Bytes> there;
  int asked = 0;
  int told = 0;

  void look(const std::vector<device::DeviceId>&, std::chrono::milliseconds) override {}
  std::expected<void, memory::Refusal> reserve(const std::vector<More>& wanted) override {
    ++asked;
    for (const More& more : wanted) {
      if (reserved[more.memory] + more.bytes > free[more.memory])
        return std::unexpected(
            memory::Refusal{.by = memory::RefusedBy::others, .device = more.memory, .requested = more.bytes});
    }
    for (const More& more : wanted) reserved[more.memory] += more.bytes;
    return {};
  }
  void reserve_anyway(const device::DeviceId& memory, Bytes bytes) noexcept override { reserved[memory] += bytes; }
  void release(const device::DeviceId& memory, Bytes bytes) noexcept override { reserved[memory] -= bytes; }
  void placed(const device::DeviceId& memory, Bytes bytes) noexcept override {
    ++told;
    there[memory] += bytes;
  }
  void leaving(const device::DeviceId& memory, Bytes bytes) noexcept override {
    ++told;
    there[memory] -= bytes;
  }
};

class AllowanceTest : public testing::Test {
 protected:
  bool reserve(const device::DeviceId& memory, Bytes bytes) {
    return allowance.reserve({{.memory = memory, .bytes = bytes}}).has_value();
  }
  Machine machine;
  Allowance allowance{machine};
};

TEST_F(AllowanceTest, SmallOnesAreAskedForOnce) {
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(reserve(kHost, 4_KiB));
    allowance.placed(kHost, 4_KiB);
    allowance.leaving(kHost, 4_KiB);
    allowance.release(kHost, 4_KiB);
  }
  EXPECT_EQ(machine.asked, 1);
  EXPECT_EQ(machine.told, 0);
  EXPECT_LE(machine.reserved[kHost], Allowance::kStep + 4_KiB);
}

TEST_F(AllowanceTest, LargeOnesAreSaidAsTheyAre) {
  ASSERT_TRUE(reserve(kCard, 20_MiB));
  allowance.placed(kCard, 20_MiB);
  EXPECT_EQ(machine.reserved[kCard], 20_MiB);
  EXPECT_EQ(machine.there[kCard], 20_MiB);
  allowance.leaving(kCard, 20_MiB);
  EXPECT_EQ(machine.there[kCard], 0_B);
  allowance.release(kCard, 20_MiB);
  EXPECT_EQ(machine.reserved[kCard], Allowance::kStep);
}

TEST_F(AllowanceTest, TheLastBytesAreToBeHad) {
  ASSERT_TRUE(reserve(kCard, 63_MiB + 512_KiB));
  EXPECT_TRUE(reserve(kCard, 512_KiB));
  EXPECT_FALSE(reserve(kCard, 1_B));
  EXPECT_EQ(machine.reserved[kCard], 64_MiB);
}

TEST_F(AllowanceTest, SettledItSaysWhatIsSo) {
  ASSERT_TRUE(reserve(kHost, 4_KiB));
  ASSERT_TRUE(reserve(kCard, 8_KiB));
  allowance.placed(kHost, 4_KiB);
  allowance.settle();
  EXPECT_EQ(machine.reserved[kHost], 4_KiB);
  EXPECT_EQ(machine.reserved[kCard], 8_KiB);
  EXPECT_EQ(machine.there[kHost], 4_KiB);
  EXPECT_EQ(allowance.left(kHost), 0_B);
  allowance.leaving(kHost, 4_KiB);
  allowance.release(kHost, 4_KiB);
  allowance.settle();
  EXPECT_EQ(machine.reserved[kHost], 0_B);
  EXPECT_EQ(machine.there[kHost], 0_B);
}

TEST_F(AllowanceTest, AllMemoriesOrNone) {
  machine.free[kCard] = 1_MiB;
  EXPECT_FALSE(allowance.reserve({{.memory = kHost, .bytes = 4_KiB}, {.memory = kCard, .bytes = 2_MiB}}));
  EXPECT_EQ(machine.reserved[kHost], 0_B);
  EXPECT_EQ(allowance.left(kHost), 0_B);
}

// Whatever is done: others are never promised what is committed here, nor is more said to be there than is.
TEST_F(AllowanceTest, OthersAreNeverPromisedMoreForIt) {
  std::minstd_rand random(7);
  Bytes committed;
  Bytes placed;
  for (int step = 0; step < 20'000; ++step) {
    const Bytes bytes{random() % (random() % 8 == 0 ? (4U << 20U) : (64U << 10U))};
    switch (random() % 4) {
      case 0:
        if (reserve(kCard, bytes)) committed += bytes;
        break;
      case 1: {
        const Bytes now = std::min(bytes, committed - placed);
        allowance.placed(kCard, now);
        placed += now;
        break;
      }
      case 2: {
        const Bytes now = std::min(bytes, placed);
        allowance.leaving(kCard, now);
        placed -= now;
        break;
      }
      default: {
        const Bytes now = std::min(bytes, committed - placed);
        allowance.release(kCard, now);
        committed -= now;
        break;
      }
    }
    if (random() % 100 == 0) allowance.settle();
    ASSERT_GE(machine.reserved[kCard], committed);
    ASSERT_LE(machine.there[kCard], placed);
    ASSERT_LE(machine.reserved[kCard] - committed, Allowance::kStep + Allowance::kStep);
    ASSERT_LE(placed - machine.there[kCard], Allowance::kStep);
  }
}

}  // namespace
}  // namespace plimsoll::guard
