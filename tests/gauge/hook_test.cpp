// The hook without a gauge: who is asked, on which thread, and what reaches whom.
#include <plimsoll/gauge/hook.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "ggml_doors.hpp"

namespace plimsoll::hook {
namespace {

using gauge::allocate;
using gauge::Buffer;
using ::testing::ElementsAre;

class Recording final : public Observer {
 public:
  std::vector<Origin> origins;
  std::vector<std::size_t> asked;
  int frees = 0;
  bool grants = true;

  bool before_allocation(const Request& request) noexcept override {
    origins.push_back(request.origin);
    asked.push_back(request.bytes);
    return grants;
  }
  void before_free(ggml_backend_buffer_t) noexcept override { ++frees; }
};

class HookTest : public ::testing::Test {
 protected:
  HookTest() { set_observer(&everybodys); }
  ~HookTest() override { set_observer(nullptr); }
  Recording everybodys;
};

TEST_F(HookTest, EveryDoorTellsItsName) {
  const gauge::TensorContext tensors(16);
  (void)allocate(64);
  (void)tensors.allocate();
  ASSERT_TRUE(gauge::Graph().reserve());
  (void)allocate(64);
  EXPECT_THAT(everybodys.origins, ElementsAre(Origin::direct, Origin::tensors, Origin::graph, Origin::direct));
  EXPECT_EQ(everybodys.frees, 4);
}

TEST_F(HookTest, PlaceholdersOfNoBytesAreNotReported) {
  const Buffer empty = allocate(0);
  EXPECT_TRUE(empty);
  EXPECT_THAT(everybodys.asked, ElementsAre());
}

TEST_F(HookTest, ThreadObserversNestAndLeaveOtherThreadsAlone) {
  Recording outer;
  Recording inner;
  {
    const ThreadObserver first(&outer);
    (void)allocate(1);
    {
      const ThreadObserver second(&inner);
      (void)allocate(2);
      std::jthread([] { (void)allocate(3); }).join();
      {
        const ThreadObserver nobody(nullptr);  // the process's again
        (void)allocate(4);
      }
      (void)allocate(5);
    }
    (void)allocate(6);
  }
  (void)allocate(7);
  EXPECT_THAT(outer.asked, ElementsAre(1, 6));
  EXPECT_THAT(inner.asked, ElementsAre(2, 5));
  EXPECT_THAT(everybodys.asked, ElementsAre(3, 4, 7));
}

TEST_F(HookTest, AThreadsRefusalIsNotTheOthers) {
  Recording strict;
  strict.grants = false;
  const ThreadObserver here(&strict);
  EXPECT_FALSE(allocate(64));
  std::jthread([] { EXPECT_TRUE(allocate(64)); }).join();
}

TEST_F(HookTest, WhatAnObserverAllocatesPastTheHookIsNotAskedForAgain) {
  const gauge::TensorContext tensors(16);
  const Buffer one(real::alloc_buffer(ggml_backend_cpu_buffer_type(), 64));
  EXPECT_TRUE(one);
  const gauge::ContextPointer context = gauge::new_context();
  ggml_new_tensor_1d(context.get(), GGML_TYPE_F32, 16);
  const Buffer two(real::alloc_tensors(context.get(), ggml_backend_cpu_buffer_type()));
  EXPECT_TRUE(two);
  EXPECT_THAT(everybodys.asked, ElementsAre());
}

TEST_F(HookTest, OnlyTheExpectedObserverIsReplaced) {
  Recording other;
  EXPECT_FALSE(exchange_observer(&other, nullptr));
  EXPECT_EQ(observer(), &everybodys);
  EXPECT_TRUE(exchange_observer(&everybodys, &other));
  EXPECT_EQ(observer(), &other);
}

}  // namespace
}  // namespace plimsoll::hook
