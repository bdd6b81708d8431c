#include "connection_threads.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <new>
#include <semaphore>
#include <thread>
#include <utility>

namespace plimsoll::server {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Connections that say nothing until they are let go.
class Silent {
 public:
  ~Silent() {
    let_go();
    while (done_ < connected_) std::this_thread::yield();
  }
  void connect(ConnectionThreads& threads, int count) {
    for (int i = 0; i < count; ++i) {
      ASSERT_TRUE(threads.enqueue([this] {
        ++served_;
        gate_.acquire();
        gate_.release();
        ++done_;
      }));
      ++connected_;
    }
  }
  bool are_served(int count) const {
    const auto until = std::chrono::steady_clock::now() + seconds(60);
    while (served_ < count && std::chrono::steady_clock::now() < until) std::this_thread::yield();
    return served_ >= count;
  }
  void let_go() {
    if (!std::exchange(is_open_, true)) gate_.release();
  }
  [[nodiscard]] int served() const { return served_; }
  [[nodiscard]] int done() const { return done_; }

 private:
  std::counting_semaphore<> gate_{0};
  bool is_open_ = false;
  int connected_ = 0;
  std::atomic<int> served_ = 0;
  std::atomic<int> done_ = 0;
};

TEST(ConnectionThreadsTest, ManyThatComeAtOnceAreAllServedThoughSomeThreadsWereIdle) {
  ConnectionThreads threads(64);
  Silent silent;
  for (int round = 0; round < 20; ++round) {
    Silent quick;
    quick.connect(threads, 8);
    ASSERT_TRUE(quick.are_served(8));
  }
  silent.connect(threads, 41);  // faster than those eight wake
  EXPECT_TRUE(silent.are_served(41)) << silent.served();
  silent.let_go();
}

TEST(ConnectionThreadsTest, BeyondTheMostTheyWait) {
  ConnectionThreads threads(2);
  Silent silent;
  silent.connect(threads, 3);
  EXPECT_TRUE(silent.are_served(2));
  EXPECT_EQ(threads.threads(), 2U);
  EXPECT_EQ(silent.served(), 2);
  silent.let_go();
  EXPECT_TRUE(silent.are_served(3));
}

TEST(ConnectionThreadsTest, WhatWaitsIsDoneBeforeTheEndAndNothingAfterIt) {
  ConnectionThreads threads(1);
  Silent silent;
  silent.connect(threads, 5);
  silent.let_go();
  threads.shutdown();
  EXPECT_EQ(silent.done(), 5);
  EXPECT_FALSE(threads.enqueue([] { FAIL(); }));
}

TEST(ConnectionThreadsTest, AConnectionThatFailsEndsNoOther) {
  ConnectionThreads threads(1);
  std::atomic<bool> is_served = false;
  ASSERT_TRUE(threads.enqueue([] { throw std::bad_alloc(); }));
  ASSERT_TRUE(threads.enqueue([&] { is_served = true; }));
  threads.shutdown();
  EXPECT_TRUE(is_served);
}

TEST(ConnectionThreadsTest, ThreadsWithNothingToDoEnd) {
  ConnectionThreads threads(8, milliseconds(1));
  Silent silent;
  silent.connect(threads, 8);
  silent.let_go();
  while (threads.threads() > 0) std::this_thread::yield();
  EXPECT_EQ(silent.done(), 8);
  silent.connect(threads, 1);
  EXPECT_TRUE(silent.are_served(9));
}

}  // namespace
}  // namespace plimsoll::server
