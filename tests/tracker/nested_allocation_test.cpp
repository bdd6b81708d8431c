// Buffer types that take their bytes from another type ask ggml from inside ggml: nothing is counted twice, nothing is
// lost, and nothing waits for itself.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "engine/backend.hpp"
#include "tracker/scope.hpp"
#include "tracker/shared_compute_buffers.hpp"
#include "tracker/tracker.hpp"

#include "fake_buffer_type.hpp"
#include "ggml_doors.hpp"

namespace plimsoll::tracker {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

const device::DeviceId kHost = device::host();
const ggml_backend_buffer_type_t kCpu = ggml_backend_cpu_buffer_type();

class NestedAllocationTest : public ::testing::Test {
 protected:
  NestedAllocationTest() { tracker.start(); }

  std::map<std::string, Bytes> held() const {
    std::map<std::string, Bytes> out;
    for (const memory::Entry& entry : ledger.entries()) {
      if (entry.taken.current > 0_B) out[entry.tag.buffer] += entry.taken.current;
    }
    return out;
  }
  static Buffer allocate_of(ggml_backend_buffer_type_t type, std::size_t bytes) {
    return Buffer(ggml_backend_buft_alloc_buffer(type, bytes));
  }

  memory::Ledger ledger;
  memory::LedgerCapacity capacity{ledger};
  Tracker tracker{ledger, capacity};
  Scope scope{"a", Phase::load};
};

TEST_F(NestedAllocationTest, WhatIsPassedOnIsChargedOnceUnderTheTypeThatWasAskedFor) {
  FakeBufferType repack("REPACK", [](std::size_t bytes) { return ggml_backend_buft_alloc_buffer(kCpu, bytes); });
  ledger.set_budget(kHost, 4_KiB);  // room for it once
  Buffer buffer = allocate_of(repack.get(), 4096);
  ASSERT_TRUE(buffer);
  EXPECT_THAT(held(), ElementsAre(Pair("REPACK", 4_KiB)));
  buffer.reset();
  EXPECT_TRUE(ledger.empty());
}

// The type that repacks quantised weights for the CPU, as the engine uses it.
TEST_F(NestedAllocationTest, TheEnginesOwnRepackingTypeIsChargedOnce) {
  engine::start_backends();
  ggml_backend_reg_t cpu = ggml_backend_dev_backend_reg(ggml_backend_dev_by_name("CPU"));
  const auto extra = reinterpret_cast<ggml_backend_dev_get_extra_bufts_t>(
      ggml_backend_reg_get_proc_address(cpu, "ggml_backend_dev_get_extra_bufts"));
  ASSERT_NE(extra, nullptr);
  int tried = 0;
  for (ggml_backend_buffer_type_t* type = extra(ggml_backend_dev_by_name("CPU")); type && *type; ++type, ++tried) {
    Buffer buffer = allocate_of(*type, 8192);
    ASSERT_TRUE(buffer);
    EXPECT_THAT(held(), ElementsAre(Pair(ggml_backend_buft_name(*type), 8_KiB)));
    buffer.reset();
    EXPECT_TRUE(ledger.empty());
  }
  EXPECT_GT(tried, 0) << "this engine has no type of the kind any more";
}

TEST_F(NestedAllocationTest, OnlyWhatGoesBeyondIsAskedFor) {
  FakeBufferType pinned("PINNED", [](std::size_t bytes) { return ggml_backend_buft_alloc_buffer(kCpu, bytes + 32); });
  Buffer buffer = allocate_of(pinned.get(), 4096);
  ASSERT_TRUE(buffer);
  EXPECT_THAT(held(), ElementsAre(Pair("CPU", 32_B), Pair("PINNED", 4_KiB)));
  buffer.reset();
  EXPECT_TRUE(ledger.empty());

  ledger.set_budget(kHost, 4_KiB);
  EXPECT_FALSE(allocate_of(pinned.get(), 4096));
  EXPECT_TRUE(ledger.empty());
  const auto refusal = scope.take_refusal();
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->by, memory::RefusedBy::budget);  // and not the device, which is what ggml takes it for
  EXPECT_EQ(refusal->requested, 32_B);
}

TEST_F(NestedAllocationTest, ABufferAroundOthersHoldsWhatTheyLeave) {
  Buffer first;
  Buffer second;
  FakeBufferType split("SPLIT", [&](std::size_t bytes) {
    first.reset(ggml_backend_buft_alloc_buffer(kCpu, bytes / 2));
    second.reset(ggml_backend_buft_alloc_buffer(kCpu, bytes / 4));
    return ggml_backend_cpu_buffer_from_ptr(ggml_backend_buffer_get_base(first.get()), bytes);
  });
  Buffer around = allocate_of(split.get(), 4096);
  ASSERT_TRUE(around);
  EXPECT_THAT(held(), ElementsAre(Pair("SPLIT", 4_KiB)));
  first.reset();
  EXPECT_THAT(held(), ElementsAre(Pair("SPLIT", 2_KiB)));
  around.reset();
  EXPECT_THAT(held(), ElementsAre(Pair("SPLIT", 1_KiB)));
  second.reset();
  EXPECT_TRUE(ledger.empty());
}

TEST_F(NestedAllocationTest, WhatIsTriedAndGivenUpInsideIsThereForTheNextTry) {
  FakeBufferType twice("TWICE", [](std::size_t bytes) {
    Buffer(ggml_backend_buft_alloc_buffer(kCpu, bytes)).reset();
    return ggml_backend_buft_alloc_buffer(kCpu, bytes);
  });
  ledger.set_budget(kHost, 4_KiB);
  Buffer buffer = allocate_of(twice.get(), 4096);
  ASSERT_TRUE(buffer);
  EXPECT_THAT(held(), ElementsAre(Pair("TWICE", 4_KiB)));
  buffer.reset();
  EXPECT_TRUE(ledger.empty());
}

TEST_F(NestedAllocationTest, TypesThatPassOnToTypesThatPassOnAreChargedOnceToo) {
  FakeBufferType middle("MIDDLE", [](std::size_t bytes) { return ggml_backend_buft_alloc_buffer(kCpu, bytes + 8); });
  FakeBufferType top("TOP",
                     [&](std::size_t bytes) { return ggml_backend_buft_alloc_buffer(middle.get(), bytes + 16); });
  Buffer buffer = allocate_of(top.get(), 1024);
  ASSERT_TRUE(buffer);
  EXPECT_THAT(held(), ElementsAre(Pair("CPU", 8_B), Pair("MIDDLE", 16_B), Pair("TOP", 1_KiB)));
  buffer.reset();
  EXPECT_TRUE(ledger.empty());
}

TEST_F(NestedAllocationTest, ADeviceThatFailsInsideLeavesNothing) {
  FakeBufferType gives_up("GIVES_UP", [](std::size_t bytes) -> ggml_backend_buffer_t {
    const Buffer inner(ggml_backend_buft_alloc_buffer(kCpu, bytes));
    return nullptr;
  });
  EXPECT_FALSE(allocate_of(gives_up.get(), 4096));
  EXPECT_THAT(held(), IsEmpty());
  EXPECT_TRUE(ledger.empty());
  EXPECT_EQ(scope.take_refusal().value().by, memory::RefusedBy::device);
}

// A graph's buffers of such a type, lent to a model that shares its compute buffers: the request from inside must not
// wait for the one that it is a part of.
class SharedNestedTest : public NestedAllocationTest {
 protected:
  // A graph of one addition and its allocator.
  static bool reserve(ggml_gallocr_t allocator) {
    const ContextPointer context = new_context();
    ggml_tensor* one = ggml_new_tensor_1d(context.get(), GGML_TYPE_F32, 16);
    ggml_set_input(one);
    ggml_cgraph* graph = ggml_new_graph(context.get());
    ggml_build_forward_expand(graph, ggml_add(context.get(), one, one));
    return ggml_gallocr_reserve(allocator, graph);
  }
  struct FreeAllocator {
    void operator()(ggml_gallocr* allocator) const noexcept { ggml_gallocr_free(allocator); }
  };
  using Allocator = std::unique_ptr<ggml_gallocr, FreeAllocator>;
};

TEST_F(SharedNestedTest, AGraphOfATypeThatPassesOnGetsItsLentBuffer) {
  FakeBufferType pinned("PINNED", [](std::size_t bytes) { return ggml_backend_buft_alloc_buffer(kCpu, bytes + 32); });
  {
    SharedComputeBuffers compute_buffers(tracker, "group", {{"PINNED", 64_KiB}});
    const auto borrowing = compute_buffers.lend_to("a");
    const Allocator allocator(ggml_gallocr_new(pinned.get()));
    ASSERT_TRUE(reserve(allocator.get()));
    EXPECT_THAT(held(), ElementsAre(Pair("CPU", 32_B), Pair("PINNED", 64_KiB)));
    EXPECT_EQ(ledger.entries_of("group").size(), 2U);
  }
  EXPECT_TRUE(ledger.empty());
}

TEST_F(SharedNestedTest, WhileADeviceIsBusyWithOneBorrowersBufferOthersAllocate) {
  std::atomic<bool> other_is_done = false;
  FakeBufferType slow("SLOW", [&](std::size_t bytes) {
    std::jthread([&] {  // of another model, with a lender of its own in the same tracker
      const Scope other("b", Phase::context);
      SharedComputeBuffers compute_buffers(tracker, "compute group b", {});
      const auto borrowing = compute_buffers.lend_to("b");
      const Allocator allocator(ggml_gallocr_new(kCpu));
      other_is_done = reserve(allocator.get());
    })
        .join();
    return ggml_backend_buft_alloc_buffer(kCpu, bytes);
  });
  SharedComputeBuffers compute_buffers(tracker, "compute group a", {});
  const auto borrowing = compute_buffers.lend_to("a");
  const Allocator allocator(ggml_gallocr_new(slow.get()));
  ASSERT_TRUE(reserve(allocator.get()));
  EXPECT_TRUE(other_is_done);
}

TEST_F(SharedNestedTest, TwoBorrowersThatAskAtOnceGetOneBuffer) {
  std::atomic<int> made = 0;
  std::atomic<bool> second_asks = false;
  FakeBufferType counted("COUNTED", [&](std::size_t bytes) {
    ++made;
    while (!second_asks) std::this_thread::yield();
    return ggml_backend_buft_alloc_buffer(kCpu, bytes);
  });
  SharedComputeBuffers compute_buffers(tracker, "group", {});
  const auto first = compute_buffers.lend_to("a");
  const auto second = compute_buffers.lend_to("b");
  const Allocator one(ggml_gallocr_new(counted.get()));
  const Allocator two(ggml_gallocr_new(counted.get()));
  {
    const std::jthread other([&] {
      const Scope here("b", Phase::context);
      while (made == 0) std::this_thread::yield();
      second_asks = true;
      EXPECT_TRUE(reserve(two.get()));
    });
    ASSERT_TRUE(reserve(one.get()));
  }
  EXPECT_EQ(made, 1);
}

TEST_F(SharedNestedTest, ARefusalOfALentBufferReachesTheBorrowersScope) {
  ledger.set_budget(kHost, 1_KiB);
  SharedComputeBuffers compute_buffers(tracker, "group", {{"CPU", 64_KiB}});
  const auto borrowing = compute_buffers.lend_to("a");
  const Allocator allocator(ggml_gallocr_new(kCpu));
  EXPECT_FALSE(reserve(allocator.get()));
  const auto refusal = scope.take_refusal();
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->owner, "group");
  EXPECT_EQ(refusal->requested, 64_KiB);
  EXPECT_EQ(refusal->limit, 1_KiB);
}

}  // namespace
}  // namespace plimsoll::tracker
