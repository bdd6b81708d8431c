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

}  // namespace
}  // namespace plimsoll::host
