#include "base/sleep.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace plimsoll {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

TEST(SleepTest, TakesItsTimeWithoutAStop) {
  const auto before = std::chrono::steady_clock::now();
  EXPECT_TRUE(sleep_unless_stopped(milliseconds(2), {}));
  EXPECT_GE(std::chrono::steady_clock::now() - before, milliseconds(2));
}

TEST(SleepTest, AStopEndsItBeforeOrWhileItWaits) {
  std::stop_source stop;
  const std::jthread asks([&] { stop.request_stop(); });
  EXPECT_FALSE(sleep_unless_stopped(hours(24), stop.get_token()));
  EXPECT_FALSE(sleep_unless_stopped(hours(24), stop.get_token()));
}

}  // namespace
}  // namespace plimsoll
