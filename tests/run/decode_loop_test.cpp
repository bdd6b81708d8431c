#include "run/decode_loop.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <latch>
#include <semaphore>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "fair_mutex.hpp"

namespace plimsoll::run {
namespace {

// So many batches each time it is woken; writes its name down for each.
class Batches final : public DecodeLoop::Source {
 public:
  Batches(std::string& order, char name, int count) : order_(order), name_(name), left_(count) {}
  bool decode_batch() noexcept override {
    if (left_ == 0) {
      done.count_down();
      return false;
    }
    order_ += name_;
    --left_;
    return true;
  }
  std::latch done{1};

 private:
  std::string& order_;
  char name_;
  int left_;
};

TEST(DecodeLoopTest, SourcesDecodeOneBatchEachInTurn) {
  std::string order;
  int changes = 0;
  DecodeLoop loop([&] { ++changes; });
  Batches one(order, 'a', 4);
  Batches other(order, 'b', 4);
  loop.add(loop.join(), one);
  loop.add(loop.join(), other);
  loop.run(loop.join(), [&] {  // both are woken before either decodes
    loop.wake(one);
    loop.wake(other);
  });
  one.done.wait();
  other.done.wait();
  loop.remove(one);
  loop.remove(other);
  EXPECT_TRUE(order == "abababab" || order == "babababa") << order;
  EXPECT_GE(changes, 9);
}

// A source that always has something does not keep others' work away, nor the other way round.
TEST(DecodeLoopTest, WorkComesBetweenTwoBatches) {
  class Endless final : public DecodeLoop::Source {
   public:
    bool decode_batch() noexcept override { return ++batches > 0; }
    std::atomic<int> batches = 0;
  };
  Endless source;
  DecodeLoop loop;
  const auto owner = loop.join();
  loop.add(owner, source);
  loop.wake(source);
  for (int i = 0; i < 100; ++i) {
    const int before = source.batches;
    bool ran = false;
    loop.run(owner, [&] { ran = true; });
    EXPECT_TRUE(ran);
    loop.run(owner, [] {});
    EXPECT_GT(source.batches, before);
  }
  loop.remove(source);
  const int left = source.batches;
  loop.run(owner, [] {});
  EXPECT_EQ(source.batches, left);
}

TEST(DecodeLoopTest, WhatWorkThrowsIsThrownToWhoAskedForIt) {
  DecodeLoop loop;
  const auto owner = loop.join();
  EXPECT_THROW(loop.run(owner, [] { throw std::runtime_error("no"); }), std::runtime_error);
  bool inside = false;
  loop.run(owner, [&] { loop.run(owner, [&] { inside = loop.is_this_thread(); }); });
  EXPECT_TRUE(inside);
  EXPECT_FALSE(loop.is_this_thread());
}

TEST(DecodeLoopTest, ASourceMayBeRemovedInItsOwnBatch) {
  class Leaves final : public DecodeLoop::Source {
   public:
    Leaves(DecodeLoop& loop, std::latch& left) : loop_(loop), left_(left) {}
    bool decode_batch() noexcept override {
      loop_.remove(*this);
      left_.count_down();
      return true;
    }

   private:
    DecodeLoop& loop_;
    std::latch& left_;
  };
  DecodeLoop loop;
  std::latch left(1);
  Leaves source(loop, left);
  loop.add(loop.join(), source);
  loop.wake(source);
  left.wait();
  loop.run(loop.join(), [] {});
}

// Shared compute buffers cannot be cleared on a device that is lost.
TEST(DecodeLoopTest, WhatABeginningThrowsIsToldToWhoeverWouldHaveComputed) {
  class Waits final : public DecodeLoop::Source {
   public:
    bool decode_batch() noexcept override {
      ++batches;
      told.release();
      return false;
    }
    void broke_off(const std::exception_ptr& failure) noexcept override {
      failures += failure != nullptr ? 1 : 0;
      told.release();
    }
    int batches = 0;
    int failures = 0;
    std::binary_semaphore told{0};
  };
  std::atomic<bool> is_lost = true;
  std::atomic<int> changes = 0;
  DecodeLoop loop([&] {
    ++changes;
    if (is_lost) throw std::runtime_error("lost");
  });
  Waits source;
  const auto owner = loop.join();
  loop.add(owner, source);
  loop.wake(source);
  source.told.acquire();
  EXPECT_EQ(source.failures, 1);
  EXPECT_EQ(source.batches, 0);
  bool ran = false;
  EXPECT_THROW(loop.run(owner, [&] { ran = true; }), std::runtime_error);
  EXPECT_FALSE(ran);
  is_lost = false;
  loop.wake(source);
  source.told.acquire();
  EXPECT_EQ(source.batches, 1);
  EXPECT_EQ(changes, 3);  // before each of them: nobody has had the buffers since
  is_lost = true;
  EXPECT_NO_THROW(loop.remove(source));  // in destructors
}

TEST(DecodeLoopTest, AJobIsABatchWhereItSaysSo) {
  DecodeLoop loop;
  loop.run(loop.join(), [&] {
    EXPECT_FALSE(loop.decoding_for());
    {
      const DecodeLoop::Timed timed(loop);
      const DecodeLoop::Timed inside(loop);
      EXPECT_TRUE(loop.decoding_for());
    }
    EXPECT_FALSE(loop.decoding_for());
  });
}

// In the first of its batches until it may go on; writes down each of them.
class HeldBatches final : public DecodeLoop::Source {
 public:
  HeldBatches(std::string& order, int count) : order_(order), left_(count) {}
  bool decode_batch() noexcept override {
    if (left_ == 0) {
      done.count_down();
      return false;
    }
    if (order_.empty()) {
      is_held.count_down();
      may_go_on.acquire();
    }
    order_ += 'b';
    --left_;
    return true;
  }
  std::latch is_held{1};
  std::binary_semaphore may_go_on{0};
  std::latch done{1};

 private:
  std::string& order_;
  int left_;
};

// What several ask for while a batch is decoded, and then: batches and work as they came.
std::string order_with_work(int count, std::chrono::milliseconds of_each) {
  std::string order;
  DecodeLoop loop;
  const auto owner = loop.join();
  HeldBatches source(order, 1 + count);
  loop.add(owner, source);
  loop.wake(source);
  source.is_held.wait();
  std::vector<std::jthread> others;
  for (int i = 0; i < count; ++i) {
    others.emplace_back([&] {
      loop.run(owner, [&] {
        order += 'w';
        std::this_thread::sleep_for(of_each);
      });
    });
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(100));  // they have asked by then
  source.may_go_on.release();
  others.clear();
  source.done.wait();
  loop.remove(source);
  return order;
}

// Requests that begin at once do not wait for a batch each; what takes long does not keep batches waiting.
TEST(DecodeLoopTest, ShortWorkOfSeveralIsDoneBeforeTheNextBatch) {
  EXPECT_EQ(order_with_work(4, {}), "bwwwwbbbb");
  EXPECT_EQ(order_with_work(3, std::chrono::milliseconds(20)), "bwbwbwb");
}

// A request takes several steps to begin.
TEST(FairMutexTest, WhoComesAgainSoonIsNotMadeToWaitForABatchEachTime) {
  FairMutex mutex;
  std::atomic<bool> stop = false;
  std::atomic<int> batches = 0;
  std::jthread loop([&] {
    while (!stop) {
      mutex.lock_behind_others();
      const std::lock_guard lock(mutex, std::adopt_lock);
      ++batches;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  });
  constexpr int kSteps = 6;
  int fewest = kSteps;
  for (int i = 0; i < 10; ++i) {  // a busy machine may keep a thread from its next step
    const int before = batches;
    for (int step = 0; step < kSteps; ++step) const std::lock_guard lock(mutex);
    fewest = std::min(fewest, batches - before);
  }
  stop = true;
  EXPECT_LE(fewest, 1);
}

// Nor do those who come again and again keep it from the one who has it for long.
TEST(FairMutexTest, WhoeverComesAgainAndAgainIsNotWaitedForLong) {
  FairMutex mutex;
  std::atomic<bool> stop = false;
  std::vector<std::jthread> others;
  for (int i = 0; i < 3; ++i) {
    others.emplace_back([&] {
      while (!stop) const std::lock_guard lock(mutex);
    });
  }
  for (int i = 0; i < 20; ++i) {
    mutex.lock_behind_others();
    mutex.lock_behind_others();  // it has it
    mutex.unlock();
    mutex.unlock();
  }
  stop = true;
}

// Whoever takes it again and again does not keep it from the others.
TEST(FairMutexTest, IsGivenInTheOrderOfAsking) {
  FairMutex mutex;
  std::atomic<bool> stop = false;
  int taken = 0;  // guarded by it
  std::jthread greedy([&] {
    while (!stop) {
      const std::lock_guard lock(mutex);
      const std::lock_guard again(mutex);
      ++taken;
    }
  });
  for (int i = 0; i < 200; ++i) {
    const std::lock_guard lock(mutex);
    ++taken;
  }
  stop = true;
  greedy.join();
  EXPECT_GE(taken, 200);
}

}  // namespace
}  // namespace plimsoll::run
