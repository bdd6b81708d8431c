// In which order tickets with claims are served, and who gives way: scenarios as in dispatcher_test.cpp.
#include <gtest/gtest.h>

#include "scenario.hpp"

namespace plimsoll::host {
namespace {

using test::expect_played;

TEST(DispatcherSharingTest, WhoHasHadLessComesNextWhoeverCameFirst) {
  expect_played(R"(
budget 100
model a 60
ask 1 a for=x cost=10 => load a
ready a => grant 1
ask 2 a for=x cost=10 =>
ask 3 a for=x cost=10 =>
ask 4 a for=y cost=10 =>
ask 5 a for=y cost=10 =>
end 1 => grant 4
end 4 => grant 2
end 2 => grant 5
end 5 => grant 3
)");
}

TEST(DispatcherSharingTest, AShareGoesByWeight) {
  expect_played(R"(
budget 100
model a 60
ask 1 a for=z => load a
ready a => grant 1
ask 2 a for=x cost=10 weight=1 =>
ask 3 a for=x cost=10 weight=1 =>
ask 4 a for=x cost=10 weight=1 =>
ask 5 a for=y cost=10 weight=2 =>
ask 6 a for=y cost=10 weight=2 =>
ask 7 a for=y cost=10 weight=2 =>
ask 8 a for=y cost=10 weight=2 =>
end 1 => grant 2
end 2 => grant 5
end 5 => grant 6
end 6 => grant 3
end 3 => grant 7
end 7 => grant 8
end 8 => grant 4
)");
}

TEST(DispatcherSharingTest, WhatWasTakenCountsNotWhatWasExpected) {
  expect_played(R"(
budget 100
model a 60
ask 1 a for=x cost=10 => load a
ready a => grant 1
ask 2 a for=x cost=10 =>
ask 3 a for=y cost=10 =>
ask 4 a for=y cost=10 =>
ask 5 a for=y cost=10 =>
end 1 took=25 => grant 3
end 3 => grant 4
end 4 => grant 5
end 5 => grant 2
)");
}

TEST(DispatcherSharingTest, APauseIsNoCredit) {
  expect_played(R"(
budget 100
model a 60
ask 1 a for=x cost=100 => load a
ready a => grant 1
ask 2 a for=x cost=100 =>
ask 3 a for=x cost=100 =>
end 1 => grant 2
ask 4 a for=y cost=60 =>
ask 5 a for=y cost=60 =>
ask 6 a for=y cost=60 =>
end 2 => grant 4
end 4 => grant 5
end 5 => grant 3
end 3 => grant 6
)");
}

TEST(DispatcherSharingTest, WithoutClaimsTheOrderIsThatOfArrivalWhateverItTook) {
  expect_played(R"(
budget 100
model a 60
ask 1 a => load a
ready a => grant 1
ask 2 a =>
ask 3 a =>
end 1 took=1000 => grant 2
end 2 => grant 3
)");
}

TEST(DispatcherSharingTest, AHigherPriorityComesFirstAndWaitingRaisesIt) {
  expect_played(R"(
budget 100
model a 60
ask 1 a => load a
ready a => grant 1
ask 2 a for=x =>
ask 3 a for=y priority=1 =>
end 1 => grant 3
ask 4 a for=y priority=1 =>
wait 60001 =>
ask 5 a for=y priority=1 =>
end 3 => grant 4
end 4 => grant 2
)");
}

TEST(DispatcherSharingTest, ALeaseGivesWayOnceItsTimeSliceIsOverAndComesBackFirst) {
  expect_played(R"(
budget 100
model a 60
ask 1 a for=x yields => load a
ready a => grant 1
ask 2 a for=x yields =>
wait 100 =>
ask 3 a for=y priority=1 =>
wait 1899 =>
wait 1 => preempt 1 for 3
wait 5000 =>
yield 1 as 4 => grant 3
end 3 => grant 4
end 4 => grant 2
)");
}

TEST(DispatcherSharingTest, ATimeSliceEndsThoughTheClockIsSetBack) {
  expect_played(R"(
budget 100
model a 60
ask 1 a for=x yields => load a
ready a => grant 1
wait 1000 =>
wait -3600000 =>
ask 2 a for=y priority=1 =>
wait 1999 =>
wait 1 => preempt 1 for 2
wait -3600000 =>
yield 1 as 3 => grant 2
)");
}

TEST(DispatcherSharingTest, NobodyGivesWayToItsEqualNorWhoCannot) {
  expect_played(R"(
budget 100
model a 60 slots=2
ask 1 a for=x priority=1 yields => load a
ready a => grant 1
ask 2 a for=x => grant 2
wait 10000 =>
ask 3 a for=y priority=1 =>
)");
}

TEST(DispatcherSharingTest, EqualsTakeTurnsOfAMinuteWithClaimsAndWithout) {
  for (const char* claim : {"", " for=x"}) {
    std::string scenario = R"(
budget 100
model a 60
ask 1 a% yields => load a
ready a => grant 1
wait 30000 =>
ask 2 a% yields =>
wait 59999 =>
wait 1 => preempt 1 for 2
yield 1 as 3 => grant 2
ask 4 a% yields =>
wait 59999 =>
wait 1 => preempt 2 for 3
yield 2 as 5 => grant 3
end 3 => grant 4
end 4 => grant 5
)";
    for (std::size_t at = scenario.find('%'); at != std::string::npos; at = scenario.find('%'))
      scenario.replace(at, 1, claim);
    expect_played(scenario);
  }
}

TEST(DispatcherSharingTest, OfEqualsTheOneThatHadItLongestGivesWay) {
  expect_played(R"(
budget 100
model a 60 slots=2
ask 1 a yields => load a
ready a => grant 1
wait 10 =>
ask 2 a yields => grant 2
ask 3 a =>
wait 60000 => preempt 1 for 3
)");
}

TEST(DispatcherSharingTest, AHigherPriorityGivesWayToWhoHasWaitedLonger) {
  expect_played(R"(
budget 100
model a 60
ask 1 a for=x priority=1 yields => load a
ready a => grant 1
ask 2 a for=y =>
wait 119999 =>
wait 1 => preempt 1 for 2
yield 1 as 3 => grant 2
)");
}

TEST(DispatcherSharingTest, TheLowestAndYoungestGivesWayAndOneForEach) {
  expect_played(R"(
budget 100
model a 60 slots=3
ask 1 a for=x priority=1 yields => load a
ready a => grant 1
ask 2 a for=x yields => grant 2
wait 10 =>
ask 3 a for=x yields => grant 3
wait 10000 =>
ask 4 a for=y priority=2 => preempt 3 for 4
ask 5 a for=y priority=2 => preempt 2 for 5
ask 6 a for=y priority=2 => preempt 1 for 6
ask 7 a for=y priority=2 =>
)");
}

// One with several answers, say, goes once one of them is left.
TEST(DispatcherSharingTest, WhereTheOneThatIsAskedDoesNotGoAnotherOneIs) {
  expect_played(R"(
budget 100
model a 60 slots=2
ask 1 a for=x yields => load a
ready a => grant 1
wait 10 =>
ask 2 a for=x yields => grant 2
wait 3000 =>
ask 3 a for=y priority=1 => preempt 2 for 3
wait 4999 =>
wait 1 => preempt 1 for 3
wait 60000 =>
yield 1 as 4 => grant 3
)");
}

TEST(DispatcherSharingTest, AModelStaysForWhoGaveWay) {
  expect_played(R"(
budget 100
model a 60
model b 60
ask 1 a for=x yields => load a
ready a => grant 1
wait 3000 =>
ask 2 a for=y priority=1 => preempt 1 for 2
yield 1 as 3 => grant 2
ask 4 b for=y priority=1 => drain a
end 2 => grant 3
end 3 => evict a
)");
}

TEST(DispatcherSharingTest, WhoGivesWayForNobodyHasItsSlotBackAtOnce) {
  expect_played(R"(
budget 100
model a 60
ask 1 a for=x yields => load a
ready a => grant 1
wait 3000 =>
ask 2 a for=y priority=1 => preempt 1 for 2
withdraw 2 =>
yield 1 as 3 => grant 3
)");
}

}  // namespace
}  // namespace plimsoll::host
