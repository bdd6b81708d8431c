// What the ledger of a process asks of the one that all processes share.
#include "memory/outer_ledger.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <vector>

#include "memory/charge.hpp"
#include "memory/ledger.hpp"

namespace plimsoll::memory {
namespace {

using testing::HasSubstr;

const device::DeviceId kGpu{"GPU0"};
const device::DeviceId kOther{"GPU1"};

Tag tag(const std::string& owner, const device::DeviceId& device = kGpu) {
  return {.device = device, .owner = owner, .stage = Stage::weights, .buffer = device.name()};
}

// Counts what it is told, and refuses beyond what there is.
class Outer final : public OuterLedger {
 public:
  void look(const std::vector<device::DeviceId>& memories, std::chrono::milliseconds) override {
    looked.insert(looked.end(), memories.begin(), memories.end());
  }
  std::expected<void, Refusal> reserve(const std::vector<More>& wanted) override {
    for (const More& more : wanted) {
      const Bytes left = saturating_sub(there, reserved[more.memory]);
      if (more.bytes > left)
        return std::unexpected(Refusal{.by = RefusedBy::others,
                                       .device = more.memory,
                                       .requested = more.bytes,
                                       .available = left,
                                       .promised = 7_B});
    }
    for (const More& more : wanted) reserved[more.memory] += more.bytes;
    return {};
  }
  void reserve_anyway(const device::DeviceId& memory, Bytes bytes) noexcept override { reserved[memory] += bytes; }
  void release(const device::DeviceId& memory, Bytes bytes) noexcept override { reserved[memory] -= bytes; }
  void placed(const device::DeviceId& memory, Bytes bytes) noexcept override { is_placed[memory] += bytes; }
  void leaving(const device::DeviceId& memory, Bytes bytes) noexcept override { is_placed[memory] -= bytes; }

  Bytes there = 1000_B;
  std::map<device::DeviceId, Bytes> reserved;
  std::map<device::DeviceId, Bytes> is_placed;
  std::vector<device::DeviceId> looked;
};

class OuterLedgerTest : public testing::Test {
 protected:
  Outer outer;
  Ledger ledger{nullptr, &outer};
};

TEST_F(OuterLedgerTest, AReservationIsAskedForAndGivenBack) {
  {
    const auto held = ledger.reserve("a", {{tag("a"), 60_B}, {tag("a", kOther), 5_B}});
    ASSERT_TRUE(held);
    EXPECT_EQ(outer.reserved[kGpu], 60_B);
    EXPECT_EQ(outer.reserved[kOther], 5_B);
    EXPECT_THAT(outer.looked, testing::UnorderedElementsAre(kGpu, kOther));
  }
  EXPECT_EQ(outer.reserved[kGpu], 0_B);
  EXPECT_EQ(outer.reserved[kOther], 0_B);
}

TEST_F(OuterLedgerTest, WhatIsTakenOfAReservationIsNotAskedForAgain) {
  const auto held = ledger.reserve("a", {{tag("a"), 60_B}});
  ASSERT_TRUE(ledger.take(tag("a"), 50_B));
  EXPECT_EQ(outer.reserved[kGpu], 60_B);
  ASSERT_TRUE(ledger.take(tag("a"), 30_B));  // 20 beyond it
  EXPECT_EQ(outer.reserved[kGpu], 80_B);
  ledger.give_back(tag("a"), 80_B);
  EXPECT_EQ(outer.reserved[kGpu], 60_B);
}

TEST_F(OuterLedgerTest, ARefusalNamesWhoAskedAndTakesNothing) {
  outer.there = 50_B;
  const auto refused = ledger.reserve("a", {{tag("a", kOther), 5_B}, {tag("a"), 60_B}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().by, RefusedBy::others);
  EXPECT_EQ(refused.error().owner, "a");
  EXPECT_EQ(code_of(refused.error().by), ErrorCode::out_of_device_memory);
  EXPECT_THAT(to_sentence(refused.error()), HasSubstr("'a' asked for 60 B of memory on GPU0: 50 B are left there"));
  EXPECT_THAT(to_sentence(refused.error()), HasSubstr("'plimsoll ps'"));
  EXPECT_TRUE(ledger.empty());
  EXPECT_EQ(outer.reserved[kOther], 0_B);

  const auto taken = ledger.take(tag("a"), 60_B);
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().stage, Stage::weights);
  EXPECT_EQ(ledger.taken_on(kGpu), 0_B);
}

TEST_F(OuterLedgerTest, ASharedBudgetIsNamedInTheRefusal) {
  const Refusal refusal{.by = RefusedBy::others,
                        .device = kGpu,
                        .owner = "a",
                        .requested = 60_B,
                        .available = 50_B,
                        .promised = 0_B,
                        .limit = 100_B};
  EXPECT_THAT(to_sentence(refusal), HasSubstr("50 B of the 100 B that all Plimsoll processes share there are left"));
}

TEST_F(OuterLedgerTest, OurOwnBudgetIsAskedFirst) {
  ledger.set_budget(kGpu, 50_B);
  const auto refused = ledger.reserve("a", {{tag("a"), 60_B}});
  EXPECT_EQ(refused.error().by, RefusedBy::budget);
  EXPECT_EQ(outer.reserved[kGpu], 0_B);
}

TEST_F(OuterLedgerTest, GrowingAReservationIsAskedForUnlessItIsTakenAlready) {
  outer.there = 100_B;
  auto held = ledger.reserve("a", {{tag("a"), 60_B}});
  held->resize(tag("a"), 90_B);
  EXPECT_EQ(outer.reserved[kGpu], 90_B);
  EXPECT_THROW(held->resize(tag("a"), 110_B), Refused);
  EXPECT_EQ(ledger.reserved("a", kGpu).bytes, 90_B);
  held->resize(tag("a"), 110_B, Reservation::Growth::is_taken);
  EXPECT_EQ(outer.reserved[kGpu], 110_B);
  held->resize(tag("a"), 10_B);
  EXPECT_EQ(outer.reserved[kGpu], 10_B);
}

TEST_F(OuterLedgerTest, WhatIsThereAlreadyIsTold) {
  outer.there = 0_B;
  ASSERT_TRUE(ledger.take_what_is_there(tag("backends"), 40_B));
  EXPECT_EQ(outer.reserved[kGpu], 40_B);
  EXPECT_EQ(outer.is_placed[kGpu], 40_B);
}

TEST_F(OuterLedgerTest, ACharge) {
  Charge charge(ledger, tag("records"));
  ASSERT_TRUE(charge.resize(40_B));
  EXPECT_EQ(outer.is_placed[kGpu], 40_B);
  ASSERT_TRUE(charge.resize(10_B));
  EXPECT_EQ(outer.is_placed[kGpu], 10_B);
  charge.clear();
  EXPECT_EQ(outer.is_placed[kGpu], 0_B);
  EXPECT_EQ(outer.reserved[kGpu], 0_B);
}

TEST_F(OuterLedgerTest, TwoNamesOfOneCardAreAskedForAsOne) {
  ledger.join(kOther, kGpu);
  const auto held = ledger.reserve("a", {{tag("a"), 60_B}, {tag("a", kOther), 5_B}});
  EXPECT_EQ(outer.reserved[kGpu], 65_B);
  EXPECT_FALSE(outer.reserved.contains(kOther));
}

RC_GTEST_PROP(OuterLedgerProperty, WhatIsAskedForIsAlwaysWhatIsCommitted, ()) {
  Outer outer;
  outer.there = 500_B;
  Ledger ledger(nullptr, &outer);
  std::map<std::string, Bytes> taken;
  std::vector<Reservation> held;
  for (int step = *rc::gen::inRange(1, 60); step > 0; --step) {
    const std::string owner(1, static_cast<char>('a' + *rc::gen::inRange(0, 3)));
    const Bytes bytes{*rc::gen::inRange<std::uint64_t>(0, 200)};
    switch (*rc::gen::inRange(0, 5)) {
      case 0:
        if (auto made = ledger.reserve(owner, {{tag(owner), bytes}})) held.push_back(std::move(*made));
        break;
      case 1:
        if (ledger.take(tag(owner), bytes)) taken[owner] += bytes;
        break;
      case 2: {
        const Bytes back{bytes.value() % (taken[owner].value() + 1)};
        ledger.give_back(tag(owner), back);
        taken[owner] -= back;
        break;
      }
      case 3:
        if (!held.empty()) held.erase(held.begin() + *rc::gen::inRange<std::ptrdiff_t>(0, std::ssize(held)));
        break;
      default:
        if (held.empty()) break;
        try {
          held.front().resize(tag(held.front().owner()), bytes);
        } catch (const Refused&) {  // NOLINT(bugprone-empty-catch): nothing has changed then
        }
        break;
    }
    RC_ASSERT(outer.reserved[kGpu] == ledger.account(kGpu).committed);
    RC_ASSERT(outer.reserved[kGpu] <= outer.there);
  }
}

}  // namespace
}  // namespace plimsoll::memory
