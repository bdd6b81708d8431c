#include "disconnect_watcher.hpp"

#include <gtest/gtest.h>

#include <atomic>

namespace plimsoll::server {
namespace {

using namespace std::chrono_literals;

bool stops_within(const std::stop_token& token, std::chrono::milliseconds limit) {
  const auto until = std::chrono::steady_clock::now() + limit;
  while (!token.stop_requested() && std::chrono::steady_clock::now() < until) std::this_thread::sleep_for(1ms);
  return token.stop_requested();
}

TEST(DisconnectWatcherTest, AClientThatGoesAwayStopsItsRequestAndNoOther) {
  DisconnectWatcher disconnect_watcher;
  std::atomic<bool> gone = false;
  const auto leaves = disconnect_watcher.watch([&] { return gone.load(); });
  const auto stays = disconnect_watcher.watch([] { return false; });
  EXPECT_FALSE(stops_within(leaves->token(), 120ms));
  gone = true;
  EXPECT_TRUE(stops_within(leaves->token(), 120s));
  EXPECT_FALSE(stays->token().stop_requested());
}

TEST(DisconnectWatcherTest, TimeIsUp) {
  DisconnectWatcher disconnect_watcher;
  const auto begin = std::chrono::steady_clock::now();
  const auto watched = disconnect_watcher.watch([] { return false; }, std::chrono::seconds(1));
  EXPECT_TRUE(stops_within(watched->token(), 120s));
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 1s);  // not before
  EXPECT_TRUE(watched->timed_out());
}

TEST(DisconnectWatcherTest, WhoComesOnceAllWereStoppedIsStoppedAtOnce) {
  DisconnectWatcher disconnect_watcher;
  const auto before = disconnect_watcher.watch([] { return false; });
  disconnect_watcher.stop_all();
  EXPECT_TRUE(before->token().stop_requested());
  EXPECT_TRUE(disconnect_watcher.watch([] { return false; })->token().stop_requested());
}

TEST(DisconnectWatcherTest, NobodyIsAskedAfterTheEnd) {
  DisconnectWatcher disconnect_watcher;
  std::atomic<int> asked = 0;
  {
    const auto watched = disconnect_watcher.watch([&] {
      ++asked;
      return false;
    });
    while (asked == 0) std::this_thread::sleep_for(1ms);
  }
  const int before = asked;
  std::this_thread::sleep_for(150ms);
  EXPECT_EQ(asked, before);
}

TEST(DisconnectWatcherTest, TheServerEnds) {
  DisconnectWatcher disconnect_watcher;
  const auto one = disconnect_watcher.watch([] { return false; });
  const auto other = disconnect_watcher.watch([] { return false; });
  disconnect_watcher.stop_all();
  EXPECT_TRUE(one->token().stop_requested());
  EXPECT_TRUE(other->token().stop_requested());
}

}  // namespace
}  // namespace plimsoll::server
