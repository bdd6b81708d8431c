// The tracker on ggml's CPU buffer type: no model, no context, only ggml's own doors.
#include "tracker/tracker.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include <plimsoll/base/error.hpp>
#include "engine/backend.hpp"
#include "memory/capacity.hpp"
#include "tracker/attribution.hpp"
#include "tracker/scope.hpp"

#include "ggml_doors.hpp"

namespace plimsoll::tracker {
namespace {

using memory::Stage;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

const device::DeviceId kHost = device::host();

class TrackerTest : public ::testing::Test {
 protected:
  TrackerTest() { tracker.start(); }

  // What the owner holds now, by stage.
  std::vector<std::pair<Stage, Bytes>> held(const std::string& owner) const {
    std::vector<std::pair<Stage, Bytes>> out;
    for (const memory::Entry& entry : ledger.entries_of(owner)) {
      if (entry.taken.current > 0_B) out.emplace_back(entry.tag.stage, entry.taken.current);
    }
    return out;
  }

  memory::Ledger ledger;
  memory::LedgerCapacity capacity{ledger};
  Tracker tracker{ledger, capacity};
};

TEST_F(TrackerTest, IsEnforcingInAProgramThatLinksTheLibrary) {
  EXPECT_EQ(mode(), Mode::enforcing);
  EXPECT_NO_THROW(require_enforcing());
}

TEST_F(TrackerTest, ChargesABufferUnderItsOwnerWhileItLives) {
  {
    const Scope scope("a", Phase::context);
    const Buffer buffer = allocate(4096);
    ASSERT_TRUE(buffer);
    const auto entries = ledger.entries_of("a");
    ASSERT_EQ(entries.size(), 1U);
    EXPECT_EQ(entries[0].tag, (memory::Tag{.device = kHost, .owner = "a", .stage = Stage::output, .buffer = "CPU"}));
    EXPECT_EQ(entries[0].taken.current, 4_KiB);
  }
  EXPECT_TRUE(ledger.empty());
}

TEST_F(TrackerTest, TheDoorAndThePhaseTellTheStage) {
  const TensorContext tensors(256);
  const auto through = [&](Phase phase) {
    const Scope scope("a", phase);
    const Buffer buffer = tensors.allocate();
    EXPECT_TRUE(buffer);
    return held("a");
  };
  EXPECT_THAT(through(Phase::load), ElementsAre(Pair(Stage::weights, tensors.bytes())));
  EXPECT_THAT(through(Phase::context), ElementsAre(Pair(Stage::kv_cache, tensors.bytes())));
  EXPECT_THAT(through(Phase::staging), ElementsAre(Pair(Stage::staging, tensors.bytes())));
  EXPECT_THAT(through(Phase::adapter), ElementsAre(Pair(Stage::adapter, tensors.bytes())));
  EXPECT_THAT(through(Phase::projector), ElementsAre(Pair(Stage::projector, tensors.bytes())));
  EXPECT_EQ(stage_of(hook::Origin::graph, Phase::projector), Stage::projector);
  {
    const Scope scope("a", Phase::decode);
    Graph graph;
    ASSERT_TRUE(graph.reserve());
    ASSERT_EQ(held("a").size(), 1U);
    EXPECT_EQ(held("a")[0].first, Stage::compute);
  }
  EXPECT_TRUE(ledger.empty());
}

TEST_F(TrackerTest, TheInnermostScopeCountsAndTheOuterReturns) {
  const Scope outer("outer", Phase::load);
  {
    const Scope inner("inner", Phase::context);
    EXPECT_EQ(Scope::current().owner, "inner");
    EXPECT_EQ(Scope::current().phase, Phase::context);
  }
  const Buffer buffer = allocate(64);
  EXPECT_THAT(held("outer"), ElementsAre(Pair(Stage::weights, 64_B)));
  EXPECT_THAT(held("inner"), IsEmpty());
}

TEST_F(TrackerTest, MappedWeightsAreShownAndCountAgainstNoBudget) {
  engine::start_backends();
  ledger.set_budget(kHost, 0_B);
  const Scope scope("a", Phase::load);
  const auto memory = page_aligned(8192);
  {
    const Buffer buffer(
        ggml_backend_dev_buffer_from_host_ptr(ggml_backend_dev_by_name("CPU"), memory.get(), 8192, 4096));
    ASSERT_TRUE(buffer);
    ASSERT_EQ(ledger.entries_of("a").size(), 1U);
    EXPECT_FALSE(ledger.entries_of("a")[0].charged);
    EXPECT_EQ(ledger.entries_of("a")[0].taken.current, 8_KiB);
    EXPECT_EQ(ledger.taken_on(kHost), 0_B);
  }
  EXPECT_TRUE(ledger.empty());
}

TEST_F(TrackerTest, OurBudgetRefusesWithoutAskingTheDeviceAndSaysWhy) {
  ledger.set_budget(kHost, 4_KiB);
  Scope scope("a", Phase::load);
  const Buffer fits = allocate(4096);
  ASSERT_TRUE(fits);
  const auto before = hook::counters();
  EXPECT_FALSE(allocate(1));
  EXPECT_EQ(hook::counters().refusals, before.refusals + 1);
  EXPECT_EQ(hook::counters().allocations, before.allocations);
  const auto refusal = scope.take_refusal();
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->by, memory::RefusedBy::budget);
  EXPECT_EQ(refusal->requested, 1_B);
  EXPECT_EQ(refusal->available, 0_B);
  EXPECT_EQ(refusal->limit, 4_KiB);
  EXPECT_EQ(refusal->owner, "a");
  ASSERT_EQ(refusal->largest.size(), 1U);
  EXPECT_EQ(refusal->largest[0].taken.current, 4_KiB);
  EXPECT_FALSE(scope.take_refusal());  // told once
  EXPECT_EQ(ledger.taken_on(kHost), 4_KiB);
}

TEST_F(TrackerTest, ADevicesRefusalIsToldApartAndGivesBack) {
  Scope scope("a", Phase::load);
  EXPECT_FALSE(allocate(std::size_t{1} << 60));
  const auto refusal = scope.take_refusal();
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->by, memory::RefusedBy::device);
  EXPECT_EQ(refusal->requested, Bytes{std::uint64_t{1} << 60});
  EXPECT_FALSE(refusal->available);
  EXPECT_FALSE(scope.take_refusal());
  EXPECT_TRUE(ledger.empty());
}

TEST_F(TrackerTest, ARefusedGroupOfTensorsOrGraphLeavesNothingBehind) {
  const TensorContext tensors(256);
  ledger.set_budget(kHost, 1_B);
  for (const bool graph : {false, true}) {
    Scope scope("a", Phase::context);
    if (graph) {
      EXPECT_FALSE(Graph().reserve());
    } else {
      EXPECT_FALSE(tensors.allocate());
    }
    EXPECT_EQ(scope.take_refusal().value().stage, graph ? Stage::compute : Stage::kv_cache);
    EXPECT_TRUE(ledger.empty());
  }
}

TEST_F(TrackerTest, ARefusalThatNobodyTookIsLeftToTheScopeAround) {
  Scope outer("outer", Phase::context);
  {
    const Scope inner("inner", Phase::decode);
    EXPECT_FALSE(allocate(std::size_t{1} << 60));
  }
  EXPECT_EQ(outer.take_refusal().value().owner, "inner");
}

TEST_F(TrackerTest, AThreadThatWorksForAScopeAllocatesAndIsRefusedUnderIt) {
  ledger.set_budget(kHost, 64_B);
  Scope scope("a", Phase::load);
  Buffer buffer;
  std::jthread([&] {
    Scope of_its_own("worker", Phase::decode);
    {
      const Scope::Joined joined(scope);
      buffer = allocate(64);
      EXPECT_FALSE(allocate(1));
    }
    EXPECT_EQ(Scope::current().owner, "worker");
    EXPECT_FALSE(of_its_own.take_refusal());
  }).join();
  EXPECT_THAT(held("a"), ElementsAre(Pair(Stage::weights, 64_B)));
  EXPECT_EQ(scope.take_refusal().value().requested, 1_B);
}

TEST_F(TrackerTest, ThreadsAttributeSeparatelyAndARefusalIsTheScopesOwn) {
  ledger.set_budget(kHost, 1_MiB);
  Scope ours("ours", Phase::load);
  {
    std::vector<std::jthread> threads;
    for (std::size_t thread = 1; thread <= 4; ++thread) {
      threads.emplace_back([this, thread, owner = std::to_string(thread)] {
        Scope scope(owner, Phase::load);
        for (int round = 0; round < 50; ++round) {
          const Buffer buffer = allocate(thread * 1024);
          EXPECT_THAT(held(owner), ElementsAre(Pair(Stage::weights, Bytes{thread * 1024})));
        }
        EXPECT_FALSE(allocate(2 << 20));
        EXPECT_EQ(scope.take_refusal().value().owner, owner);
      });
    }
  }
  EXPECT_FALSE(ours.take_refusal());
  EXPECT_TRUE(ledger.empty());
}

TEST_F(TrackerTest, ABufferFreedOnAnotherThreadReturnsToItsOwner) {
  Buffer buffer;
  {
    const Scope scope("a", Phase::load);
    buffer = allocate(64);
  }
  std::jthread([&] {
    const Scope scope("b", Phase::decode);
    buffer.reset();
  }).join();
  EXPECT_TRUE(ledger.empty());
}

TEST_F(TrackerTest, ABufferFreedBesideADryRunReturnsToItsOwner) {
  Buffer buffer = allocate(64);
  hook::Observer dry_run;
  {
    const hook::ThreadObserver beside(&dry_run);
    buffer.reset();
  }
  EXPECT_TRUE(ledger.empty());
}

TEST_F(TrackerTest, ASealedOwnersRefusalSaysSo) {
  tracker.stop();
  memory::Seal seal;
  memory::SealedCapacity sealed(capacity, ledger, seal);
  Tracker strict(ledger, sealed);
  strict.start();
  seal.close("a");
  Scope scope("a", Phase::decode);
  EXPECT_FALSE(allocate(64));
  EXPECT_EQ(scope.take_refusal().value().by, memory::RefusedBy::seal);
  EXPECT_EQ(seal.counts("a").refused_after_seal, 1U);
}

TEST_F(TrackerTest, OneAtATimeAndAStoppedOneSeesNothing) {
  Tracker second(ledger, capacity);
  EXPECT_THROW(second.start(), Error);
  const Buffer before = allocate(64);
  tracker.stop();
  const Buffer unseen = allocate(128);
  EXPECT_EQ(ledger.taken_on(kHost), 64_B);
  second.start();  // buffers from before it are none of its business
}

TEST_F(TrackerTest, StandsAsideAlsoWhenItEndsBesideADryRun) {
  tracker.stop();
  hook::Observer dry_run;
  {
    const hook::ThreadObserver beside(&dry_run);
    Tracker(ledger, capacity).start();
  }
  EXPECT_EQ(hook::observer(), nullptr);
}

}  // namespace
}  // namespace plimsoll::tracker
