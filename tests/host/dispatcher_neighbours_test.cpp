// Models of other processes, and ours that others want: each scenario is a text that must come out as it went in.
#include <gtest/gtest.h>

#include "scenario.hpp"

namespace plimsoll::host {
namespace {

using test::expect_played;

TEST(NeighboursTest, AnIdleModelOfAnotherProcessIsAskedAndNobodyIsRefusedMeanwhile) {
  expect_played(R"(
budget 100
total 100
model a 60
others 50 =>
offer x 50 =>
ask 1 a => ask for 1: x
wait 100 => ask for 1: x
others 0 => load a
withhold x =>
ready a => grant 1
)");
}

TEST(NeighboursTest, OursGoWhereTheyAreMissedLess) {
  expect_played(R"(
budget 100
total 100
model a 50
model b 50
others 40 =>
ask 1 a => load a
ready a => grant 1
free a =>
wait 10000 =>
offer x 40 idle=100 =>
ask 2 b => drain a; evict a
)");
}

TEST(NeighboursTest, TheirsAreAskedWhereTheyAreMissedLess) {
  expect_played(R"(
budget 100
total 100
model a 50
model b 50
others 40 =>
ask 1 a => load a
ready a => grant 1
free a =>
wait 100 =>
offer x 40 idle=60000 =>
ask 2 b => ask for 2: x
withhold x => drain a; evict a
)");
}

TEST(NeighboursTest, WhereBothHaveToGoOursStayUntilTheirsHaveGone) {
  expect_played(R"(
budget 100
total 100
model a 50
model b 90
others 45 =>
offer x 45 idle=60000 =>
ask 1 a => load a
ready a => grant 1
free a =>
ask 2 b => ask for 2: x
others 0 => drain a; evict a
withhold x =>
gone a => load b
)");
}

TEST(NeighboursTest, NobodyIsAskedInVain) {
  expect_played(R"(
budget 100
total 100
model a 60
others 90 =>
offer x 40 =>
ask 1 a => refuse 1 out_of_device_memory
)");
}

TEST(NeighboursTest, WhatOurBudgetForbidsIsNotAskedOfOthers) {
  expect_played(R"(
budget 50
total 100
model a 60
others 90 =>
offer x 90 =>
ask 1 a => refuse 1 over_budget
)");
}

TEST(NeighboursTest, ALaterOneDoesNotTakeWhatTheOlderNeedsBesideWhatItAsksFor) {
  expect_played(R"(
budget 120
total 100
model a 60
model b 45
others 50 =>
offer x 50 =>
ask 1 a => ask for 1: x
ask 2 b => ask for 1: x
others 0 => load a
withhold x =>
ready a => grant 1; drain a
)");
}

TEST(NeighboursTest, ALaterOneMayHaveWhatIsFreeWhileTheOlderAsks) {
  expect_played(R"(
budget 200
total 100
model a 60
model b 30
others 50 =>
offer x 50 =>
ask 1 a => ask for 1: x
ask 2 b => ask for 1: x; load b
others 0 =>
ready b => grant 2; load a
)");
}

TEST(NeighboursTest, NobodyOfOursGoesForALaterOneWhileTheOlderAsks) {
  expect_played(R"(
budget 100
total 100
model a 60
model b 30
model c 30
others 50 =>
ask 1 c => load c
ready c => grant 1
free c =>
offer x 50 =>
ask 2 a => ask for 2: x
ask 3 b => ask for 2: x
others 0 => load a
)");
}

TEST(NeighboursTest, ALaterOneThatCannotBeIsRefusedWhileTheOlderAsks) {
  expect_played(R"(
budget 100
total 100
model a 60
model b 110
others 50 =>
offer x 50 =>
ask 1 a => ask for 1: x
ask 2 b => ask for 1: x; refuse 2 over_budget
)");
}

TEST(NeighboursTest, WhoStaysIsPassedOver) {
  expect_played(R"(
budget 100
total 100
model a 60
others 80 =>
offer x 40 idle=9000 =>
offer y 40 idle=100 =>
ask 1 a => ask for 1: x
withhold x => ask for 1: y
withhold y => refuse 1 out_of_device_memory
)");
}

TEST(NeighboursTest, AModelAtWorkIsAskedOnlyByWhoHasWaited) {
  expect_played(R"(
budget 100
total 100
model a 60
others 50 =>
offer x 50 at-work =>
ask 1 a => wait for 1
wait 1000 => wait for 1
wait 1000 => ask for 1: x
)");
}

TEST(NeighboursTest, WhoDoesNotWaitForWorkOfOursDoesNotWaitForThatOfOthers) {
  expect_played(R"(
budget 100
total 100
model a 60
others 50 =>
offer x 50 at-work =>
ask 1 a refuse => refuse 1 out_of_device_memory
)");
}

TEST(NeighboursTest, AnIdleModelIsAskedBeforeOneAtWork) {
  expect_played(R"(
budget 100
total 100
model a 60
others 80 =>
offer x 40 at-work =>
offer y 40 =>
ask 1 a => ask for 1: y
)");
}

TEST(NeighboursTest, AnIdleModelGoesWhenAnotherProcessAsks) {
  expect_played(R"(
budget 100
total 100
model a 60
ask 1 a => load a
ready a => grant 1
free a =>
asked a => goes; drain a; evict a
gone a =>
ask 2 a => load a
)");
}

TEST(NeighboursTest, WhoIsWantedAgainBeforeItHasGoneStays) {
  expect_played(R"(
budget 100
total 100
model a 40
model b 40
ask 1 a => load a
ready a => grant 1
free a =>
ask 2 b => load b
asked a => goes
ask 3 a => grant 3
ready b => grant 2
)");
}

TEST(NeighboursTest, APinnedOneStaysAndOneAtWorkUnlessThatIsAskedFor) {
  expect_played(R"(
budget 100
total 100
model a 40
model b 40 pinned
ask 1 a => load a
ready a => grant 1
ask 2 b => load b
ready b => grant 2
free b =>
asked b => stays
asked b even-at-work => stays
asked a => stays
asked a even-at-work => goes; drain a
ask 3 a =>
free a => evict a
gone a => load a
)");
}

TEST(NeighboursTest, OneAtWorkThatYieldsGivesNoNewLeaseDuringALoadEither) {
  expect_played(R"(
budget 100
total 100
model a 40 slots=3
model b 40
ask 1 a => load a
ready a => grant 1
ask 2 b => load b
asked a even-at-work => goes
more a => none
ask 3 a =>
ready b => grant 2; drain a
free a => evict a
gone a => load a
ready a => grant 3
)");
}

TEST(NeighboursTest, NobodyGivesWayToWhoWaitsForAModelThatYields) {
  expect_played(R"(
budget 100
total 100
model a 40
model b 40
ask 1 a yields => load a
ready a => grant 1
wait 5000 =>
ask 2 b => load b
asked a even-at-work => goes
ask 3 a priority=1 =>
ready b => grant 2; drain a
)");
}

TEST(NeighboursTest, WhatIsNotLoadedHasNothingToGiveBack) {
  expect_played(R"(
budget 100
total 100
model a 40
asked a => stays
ask 1 a => load a
asked a => stays
ready a => grant 1
)");
}

}  // namespace
}  // namespace plimsoll::host
