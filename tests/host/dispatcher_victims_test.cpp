// Who goes for a newcomer, of those who could: each scenario is a text that must come out as it went in.
#include <gtest/gtest.h>

#include "scenario.hpp"

namespace plimsoll::host {
namespace {

using test::expect_played;

TEST(DispatcherVictimsTest, TheSmallestSufficientSetGoes) {
  expect_played(R"(
budget 100
model a 20
model b 20
model c 50
model d 60
ask 1 a => load a
ready a => grant 1
free a =>
ask 2 b => load b
ready b => grant 2
free b =>
ask 3 c => load c
ready c => grant 3
free c =>
ask 4 d => drain c; evict c
)");
}

TEST(DispatcherVictimsTest, TwoVictimsGoTogetherAndLeasedAndPinnedOnesAreSpared) {
  expect_played(R"(
budget 100
model a 25
model b 25
model c 25 pinned
model d 25
model e 50
ask 1 a => load a
ready a => grant 1
free a =>
ask 2 b => load b
ready b => grant 2
free b =>
ask 3 c => load c
ready c => grant 3
free c =>
ask 4 d => load d
ready d => grant 4
ask 5 e => drain a; drain b; evict a
gone a => evict b
gone b => load e
ready e => grant 5
)");
}

TEST(DispatcherVictimsTest, VictimsGoTogetherSoThatNobodyGoesInVain) {
  expect_played(R"(
budget 100
model a 50
model b 50
model c 100
ask 1 a => load a
ready a => grant 1
ask 2 b => load b
ready b => grant 2
free b =>
ask 3 c => drain a; drain b
withdraw 3 => keep a; keep b
ask 4 b => grant 4
)");
}

TEST(DispatcherVictimsTest, AmongEqualsTheLeastRecentlyUsedGoes) {
  expect_played(R"(
budget 100
model a 50
model b 50
model c 50
ask 1 a => load a
ready a => grant 1
wait 10 =>
free a =>
ask 2 b => load b
ready b => grant 2
wait 10 =>
free b =>
wait 10 =>
ask 3 a => grant 3
free a =>
wait 10 =>
ask 4 c => drain b; evict b
)");
}

TEST(DispatcherVictimsTest, PriorityAndReloadCostWeighMoreThanALittleIdleness) {
  expect_played(R"(
budget 100
model a 50 reload=8000
model b 50 reload=100
model c 50 priority=3 reload=100
model d 50
ask 1 a => load a
ready a => grant 1
free a =>
wait 10 =>
ask 2 b => load b
ready b => grant 2
free b =>
wait 10 =>
ask 3 d => drain b; evict b
)");
}

TEST(DispatcherVictimsTest, EquallyMissedOnesGoInTheOrderOfTheirNames) {
  expect_played(R"(
budget 90
model a 30
model b 30
model c 30
model d 30
ask 1 c => load c
ready c => grant 1
free c =>
ask 2 b => load b
ready b => grant 2
free b =>
ask 3 a => load a
ready a => grant 3
free a =>
ask 4 d => drain a; evict a
)");
}

}  // namespace
}  // namespace plimsoll::host
