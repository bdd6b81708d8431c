// What this process may still have, as a question of numbers.
#include "judging.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <limits>
#include <vector>

namespace plimsoll::broker {
namespace {

constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();

Number number(std::uint64_t reserved, std::uint64_t placed = 0, std::uint64_t given = 0, std::uint64_t asking = 0) {
  return {.reserved = reserved, .asking = asking, .placed = placed, .given = given};
}

Standing own(const Number& now, std::optional<Before> before = {}) {
  return {.slot = 5, .is_own = true, .now = now, .before = before};
}
Standing other(const Number& now, std::optional<Before> before = {}, std::size_t slot = 7) {
  return {.slot = slot, .now = now, .before = before};
}
Standing dead(const Number& now) { return {.slot = 9, .is_dead = true, .now = now}; }

Want want(std::uint64_t more, std::uint64_t free) { return {.account = 0, .more = Bytes{more}, .free = Bytes{free}}; }

Verdict verdict(const Want& wanted, const std::vector<Standing>& standings) {
  return judge(wanted, sums_of(standings)).verdict;
}

TEST(NotInReadingTest, WhatWasPlacedBeforeIsInTheReading) {
  EXPECT_EQ(not_in_reading(number(100, 60), Before{.placed = 60}), 40U);
}

TEST(NotInReadingTest, WhatWasPlacedSinceMayNotBe) {
  EXPECT_EQ(not_in_reading(number(100, 60), Before{.placed = 10}), 90U);
  EXPECT_EQ(not_in_reading(number(100, 60), std::nullopt), 100U);
}

TEST(NotInReadingTest, WhatWasGivenBackSinceMayBeFreeInTheReadingAndIsPromisedAgain) {
  EXPECT_EQ(not_in_reading(number(100, 60, 60), Before{.placed = 60}), 100U);
  // The same buffer again: it was gone when the device was read, or it was there; nobody knows.
  EXPECT_EQ(not_in_reading(number(100, 120, 60), Before{.placed = 60}), 100U);
}

TEST(NotInReadingTest, MoreThanIsReservedIsNoPromise) {
  EXPECT_EQ(not_in_reading(number(50, 60), Before{.placed = 60}), 0U);
}

TEST(NotInReadingTest, NumbersThatMakeNoSenseCountInFull) {
  EXPECT_EQ(not_in_reading(number(50, 0, 0), Before{.placed = 10, .given = 20}), 50U);
  EXPECT_EQ(not_in_reading(number(50, 0, 0), Before{.placed = 10, .given = 5}), 50U);
}

TEST(JudgeTest, OnlyPromisesThatAreNotKeptYetAreSubtracted) {
  const std::vector<Standing> standings{own({}), other(number(60, 50), Before{.placed = 50})};
  EXPECT_EQ(verdict(want(40, 50), standings), Verdict::fits);
  EXPECT_EQ(verdict(want(41, 50), standings), Verdict::short_of);
}

TEST(JudgeTest, ItsOwnPromisesCountToo) {
  const std::vector<Standing> standings{own(number(30, 10), Before{.placed = 10})};
  EXPECT_EQ(verdict(want(80, 100), standings), Verdict::fits);
  const Judgement judgement = judge(want(81, 100), sums_of(standings));
  EXPECT_EQ(judgement.verdict, Verdict::short_of);
  EXPECT_EQ(judgement.why.available, 80_B);
  EXPECT_EQ(judgement.why.promised, 0_B);  // to others
}

TEST(JudgeTest, WhatIsOnlyAskedForIsContested) {
  const std::vector<Standing> standings{own({}), other(number(0, 0, 0, 60), {}, 7), other(number(0, 0, 0, 1), {}, 3)};
  const Sums sums = sums_of(standings);
  EXPECT_EQ(sums.first_asker, 3U);
  EXPECT_EQ(judge(want(39, 100), sums).verdict, Verdict::fits);
  EXPECT_EQ(judge(want(40, 100), sums).verdict, Verdict::contested);
  EXPECT_EQ(judge(want(101, 100), sums).verdict, Verdict::short_of);
}

TEST(JudgeTest, TheDeadPromiseNothingAndCountUnderALimitOnly) {
  const std::vector<Standing> standings{own(number(10, 10), Before{.placed = 10}), dead(number(50, 40))};
  EXPECT_EQ(verdict(want(100, 100), standings), Verdict::fits);
  Want limited{.account = 0, .more = 50_B, .free = {}, .limit = 100_B};
  EXPECT_EQ(verdict(limited, standings), Verdict::fits);
  limited.more = 51_B;
  const Judgement judgement = judge(limited, sums_of(standings));
  EXPECT_EQ(judgement.verdict, Verdict::short_of);
  EXPECT_TRUE(judgement.why.by_limit);
  EXPECT_EQ(judgement.why.available, 50_B);
  EXPECT_EQ(judgement.why.coming_back, 40_B);
}

TEST(JudgeTest, NothingMoreAlwaysFits) { EXPECT_EQ(verdict(want(0, 0), {own(number(10))}), Verdict::fits); }

TEST(JudgeTest, WithoutAReadingAndALimitEverythingFits) {
  EXPECT_EQ(verdict({.account = 0, .more = Bytes{kMost}}, {own({}), other(number(kMost))}), Verdict::fits);
}

TEST(JudgeTest, NumbersOfAnySizeOverflowNothing) {
  const std::vector<Standing> standings{own(number(kMost)), other(number(kMost, kMost, 0, kMost)),
                                        other(number(kMost, 0, kMost, kMost)), dead(number(0, kMost))};
  EXPECT_EQ(verdict(want(1, kMost), standings), Verdict::short_of);
}

// A device with one reading, taken at any point of what another process does meanwhile: what this one is then allowed
// and what that one may still take are never more than there is.
RC_GTEST_PROP(JudgeTest, NoOrderOfReadingAndTakingPromisesAByteTwice, ()) {
  constexpr std::uint64_t kCard = 1000;
  Number theirs;
  std::uint64_t really_taken = 0;
  std::optional<Before> before;
  std::optional<std::uint64_t> free;
  const int steps = *rc::gen::inRange(1, 30);
  const int moment_at = *rc::gen::inRange(0, steps + 1);
  const int read_at = *rc::gen::inRange(moment_at, steps + 1);
  std::uint64_t in_flight = 0;   // given by the device, not announced
  std::uint64_t on_its_way = 0;  // announced as leaving, not given back to the device
  for (int step = 0; step <= steps; ++step) {
    if (step == moment_at) before = Before{.placed = theirs.placed, .given = theirs.given};
    if (step == read_at) free = kCard - really_taken;
    switch (*rc::gen::inRange(0, 6)) {
      case 0:
        theirs.reserved += *rc::gen::inRange<std::uint64_t>(0, kCard - theirs.reserved + 1);
        break;
      case 1: {
        const std::uint64_t bytes = *rc::gen::inRange<std::uint64_t>(0, theirs.reserved - really_taken + 1);
        really_taken += bytes;
        in_flight += bytes;
        break;
      }
      case 2:
        theirs.placed += std::exchange(in_flight, 0);
        break;
      case 3: {
        const std::uint64_t bytes = *rc::gen::inRange<std::uint64_t>(0, taken(theirs) + 1);
        theirs.given += bytes;
        on_its_way += bytes;
        break;
      }
      case 4:
        really_taken -= std::exchange(on_its_way, 0);
        break;
      default: {
        const std::uint64_t unused = theirs.reserved - std::max(really_taken, taken(theirs));
        theirs.reserved -= *rc::gen::inRange<std::uint64_t>(0, unused + 1);
        break;
      }
    }
  }
  const Sums sums = sums_of(std::vector{own({}), other(theirs, before)});
  const std::uint64_t available = *free > sums.promised ? *free - sums.promised : 0;
  RC_ASSERT(judge(want(available, *free), sums).verdict == Verdict::fits);
  // They may hold all that they have reserved; what is on its way back is theirs still, too.
  RC_ASSERT(available + std::max(theirs.reserved, really_taken) <= kCard);
}

}  // namespace
}  // namespace plimsoll::broker
