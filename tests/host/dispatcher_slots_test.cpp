// Who has a slot and wants another one: at once or not at all.
#include <gtest/gtest.h>

#include "scenario.hpp"

namespace plimsoll::host {
namespace {

using test::expect_played;

TEST(DispatcherSlotsTest, WhatIsFreeIsGivenToWhoAsksForMore) {
  expect_played(R"(
budget 100
model a 60 slots=3
ask 1 a => load a
ready a => grant 1
more a => another
more a => another
more a => none
free a =>
more a => another
)");
}

// Two that hold some each and want more never wait for each other: what they do not get, they do without.
TEST(DispatcherSlotsTest, NobodyWhoWaitsIsPassed) {
  expect_played(R"(
budget 100
model a 60 slots=2
ask 1 a => load a
ready a => grant 1
more a => another
ask 2 a =>
more a => none
free a => grant 2
more a => none
free a =>
more a => another
)");
}

TEST(DispatcherSlotsTest, AModelThatIsPromisedAwayGivesNoMore) {
  expect_played(R"(
budget 100
model a 60 slots=3
model b 60
ask 1 a => load a
ready a => grant 1
more a => another
ask 2 b => drain a
more a => none
free a =>
more a => none
free a => evict a
gone a => load b
)");
}

TEST(DispatcherSlotsTest, OneThatShouldGoGivesNoMore) {
  expect_played(R"(
budget 100
model a 60 slots=3
ask 1 a => load a
ready a => grant 1
leave a => drain a
more a => none
change a =>
more a => none
)");
}

// Who waits for another model is not in the way.
TEST(DispatcherSlotsTest, ATicketOfAnotherModelDoesNotCount) {
  expect_played(R"(
budget 200
model a 60 slots=3
model b 60
ask 1 a => load a
ready a => grant 1
ask 2 b => load b
more a => another
ready b => grant 2
)");
}

// Weights count for further slots, too: as long as somebody wants more that has fewer for its weight.
TEST(DispatcherSlotsTest, FurtherSlotsAreSharedByWeight) {
  expect_played(R"(
budget 100
model a 60 slots=8
ask 1 a for=x => load a
ready a => grant 1
ask 2 a for=y weight=3 => grant 2
more 1 as 1a => another
more 1 as 1b => another
more 1 as 1c => another
more 2 as 2a => another
more 2 as 2b => another
more 2 as 2c => another
more 2 as 2d => none
back 1a => wanted
back 2a => kept
end 1a =>
more 1 => none
more 2 as 2d => another
more 2 => none
back 1b => wanted
end 1b =>
more 1 => none
more 2 as 2e => another
more 2 => none
back 1c => kept
)");
}

TEST(DispatcherSlotsTest, WhoeverWantsNoMoreIsInNobodysWay) {
  expect_played(R"(
budget 100
model a 60 slots=4
ask 1 a for=x => load a
ready a => grant 1
ask 2 a for=y => grant 2
more 1 as 1a => another
more 1 as 1b => another
more 2 => none
end 1b =>
more 1 => none
wait 1500 =>
more 1 => another
)");
}

}  // namespace
}  // namespace plimsoll::host
