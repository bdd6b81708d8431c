#include "host/host_log.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <plimsoll/base/error.hpp>
#include "base/log.hpp"

#include "manual_clock.hpp"

namespace plimsoll::host {
namespace {

using enum ModelState;
using ::testing::Pair;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

class HostLogTest : public ::testing::Test {
 protected:
  void live() {
    log.moved("a", absent, loading, {}, "");
    clock.advance(std::chrono::milliseconds(40));
    log.moved("a", loading, warming, 10_B, "");
    log.moved("a", warming, ready, 20_B, "");
    log.refused("b", absent, "too large");
    log.moved("a", ready, draining, 20_B, "");
    log.moved("a", draining, swapped, {}, "for 'c'");
  }
  test::ManualClock clock;
  HostLog log{clock};
};

TEST_F(HostLogTest, KeepsEveryMoveWithBytesAndTimeAndReplaysToTheStates) {
  live();
  const auto events = log.events();
  ASSERT_THAT(events, SizeIs(6));
  EXPECT_DOUBLE_EQ(events[1].ms, 40);
  EXPECT_EQ(events[2].bytes, 20_B);
  EXPECT_EQ(events[3].kind, HostEventKind::refused);
  EXPECT_EQ(events[5].sequence, 6U);
  EXPECT_THAT(replay(events), UnorderedElementsAre(Pair("a", swapped)));
  EXPECT_THAT(log.events(4), SizeIs(2));
}

TEST_F(HostLogTest, AnEventThatDoesNotFollowIsNoLogOfAHost) {
  live();
  auto events = log.events();
  events.erase(events.begin() + 1);
  EXPECT_THROW((void)replay(events), Error);
}

TEST_F(HostLogTest, IsBoundedAndCountsWhatItDropped) {
  HostLog small(clock, 3);
  for (int i = 0; i < 10; ++i) small.refused("a", absent, "no");
  EXPECT_THAT(small.events(), SizeIs(3));
  EXPECT_EQ(small.dropped(), 7U);
  EXPECT_EQ(small.events().front().sequence, 8U);
}

TEST_F(HostLogTest, ListenersHearOfEveryEvent) {
  int heard = 0;
  log.listen([&](const HostEvent& event) { heard += event.model == "a" ? 1 : 0; });
  live();
  EXPECT_EQ(heard, 5);
}

TEST_F(HostLogTest, WhateverAListenerThrowsTheOthersHear) {
  int heard = 0;
  plimsoll::log::set_sink([](plimsoll::log::Level, std::string_view, std::string_view) {});
  log.listen([](const HostEvent&) { throw 1; });
  log.listen([&](const HostEvent&) { ++heard; });
  EXPECT_NO_THROW(live());
  plimsoll::log::set_sink({});
  EXPECT_EQ(heard, 6);
}

}  // namespace
}  // namespace plimsoll::host
