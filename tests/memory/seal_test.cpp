#include "memory/seal.hpp"

#include <gtest/gtest.h>

#include "memory/event_log.hpp"

#include "manual_clock.hpp"

namespace plimsoll::memory {
namespace {

const Tag kTag{.device = device::host(), .owner = "a", .stage = Stage::compute, .buffer = "CPU"};

TEST(SealTest, IsAModeOfOneOwner) {
  Seal seal;
  seal.close("a");
  EXPECT_TRUE(seal.closed("a"));
  EXPECT_FALSE(seal.closed("b"));
  seal.open("a");
  EXPECT_FALSE(seal.closed("a"));
}

TEST(SealTest, OpeningForgetsNoViolation) {
  Seal seal;
  seal.close("a");
  seal.record({.tag = kTag, .bytes = 5_B, .refused = false});
  seal.record({.tag = kTag, .bytes = 6_B, .refused = true});
  seal.record({.tag = kTag, .bytes = 7_B, .refused = true});
  seal.open("a");
  EXPECT_EQ(seal.counts("a").allocations_after_seal, 1U);
  EXPECT_EQ(seal.counts("a").refused_after_seal, 2U);
  EXPECT_EQ(seal.counts("b").refused_after_seal, 0U);
}

TEST(SealTest, WhatHappensToItIsAnEvent) {
  const test::ManualClock clock;
  EventLog log(clock);
  Seal seal(&log);
  seal.close("a");
  seal.close("a");
  seal.record({.tag = kTag, .bytes = 6_B, .refused = true});
  seal.open("a");
  std::vector<EventKind> kinds;
  for (const Event& event : log.events()) kinds.push_back(event.kind);
  EXPECT_EQ(kinds, (std::vector{EventKind::sealed, EventKind::seal_violation, EventKind::unsealed}));
}

TEST(SealTest, WhatIsTakenAnewOnPurposeIsNoViolation) {
  Seal seal;
  seal.close("a");
  const auto taken = [&](const char* owner, bool refused) {
    seal.record({.tag = {.device = {}, .owner = owner, .stage = Stage::compute, .buffer = "CPU"},
                 .bytes = Bytes{1},
                 .refused = refused});
  };
  {
    const Seal::Exchange exchange(seal, "a");
    const Seal::Exchange inner(seal, "a");
    taken("a", false);
    taken("a", true);
    taken("b", false);
  }
  EXPECT_EQ(seal.counts("a").allocations_after_seal, 0U);
  EXPECT_EQ(seal.counts("a").refused_after_seal, 1U) << "what does not fit is refused all the same";
  EXPECT_EQ(seal.counts("b").allocations_after_seal, 1U);
  taken("a", false);
  EXPECT_EQ(seal.counts("a").allocations_after_seal, 1U);
}

}  // namespace
}  // namespace plimsoll::memory
