// The host with real models on the CPU: what issue #759 of LLamaSharp asks for, and what may go wrong on the way.
#include "host/host.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <thread>

#include "memory/charge.hpp"

#include "expect_error.hpp"
#include "small_fleet.hpp"

namespace plimsoll::host {
namespace {

using plimsoll::test::expect_error;
using test::alone;
using test::budget_for;
using test::fleet_of;
using test::mapped;
using test::SmallHost;

// Without logs, which grow.
Bytes taken(run::MemoryAccounting& accounting) {
  Bytes sum;
  for (const memory::Entry& entry : accounting.ledger().entries()) {
    if (entry.charged && entry.tag.device.is_host() && entry.tag.owner != memory::kRecords) sum += entry.taken.current;
  }
  return sum;
}

Bytes line(run::MemoryAccounting& accounting) { return accounting.ledger().account(device::host()).budget.value(); }

TEST(HostTest, AModelIsLoadedForItsFirstRequestAndSaysWhatItSaysAlone) {
  const Fleet fleet = fleet_of("ab");
  const std::string expected = alone(fleet.models[0].request, "Day 12.", 8);
  SmallHost small(fleet);
  EXPECT_EQ(small.state("a"), ModelState::absent);
  EXPECT_EQ(small.ask("a"), expected);
  EXPECT_EQ(small.state("a"), ModelState::ready);
  EXPECT_EQ(small.state("b"), ModelState::absent);
  EXPECT_EQ(small.status("a").seal.allocations_after_seal, 0U);
  EXPECT_EQ(small.ask("a"), expected);
  EXPECT_EQ(small.status("a").loads, 1U);
}

TEST(HostTest, TokensOfAnswersAndCellsInUseAreCountedByModel) {
  SmallHost small(fleet_of("ab"));
  const ConversationId conversation = small.host.new_conversation("a");
  (void)small.go_on("a", conversation, "Day 12.", 8);
  ModelStatus status = small.status("a");
  EXPECT_EQ(status.generated, 8U);
  EXPECT_GT(status.tokens, 8U);
  ASSERT_TRUE(status.cells);
  EXPECT_GT(status.cells_used, 8U);  // kept for its next turn
  EXPECT_LT(status.cells_used, *status.cells);
  EXPECT_EQ(small.status("b").generated, 0U);
  small.host.unload("a");
  small.settle();
  status = small.status("a");
  EXPECT_EQ(status.generated, 8U);
  EXPECT_EQ(status.cells_used, 0U);

  small.host.count_first_token("a", 0.25);
  small.host.count_first_token("a", 0.5);
  status = small.status("a");
  EXPECT_EQ(status.first_tokens, 2U);
  EXPECT_EQ(status.total_first_token_ms, 750);
  EXPECT_NO_THROW(small.host.count_first_token("kraken", 1)) << "it may have left the fleet while its request worked";
}

TEST(HostTest, WaitsLoadsWarmUpsAndEvictionsAreTimedByModel) {
  Fleet fleet = fleet_of("ab");
  budget_for(fleet, 1);
  SmallHost small(fleet);
  (void)small.ask("a");
  ModelTimes first = small.host.times().at("a");
  EXPECT_EQ(first.queue.count(), 1U);
  EXPECT_GE(first.queue.sum(), first.load.sum());  // it was loaded for this request
  EXPECT_GT(first.load.sum(), first.warm_up.sum());
  EXPECT_GT(first.warm_up.sum(), 0);
  EXPECT_DOUBLE_EQ(small.status("a").total_load_ms, first.load.sum() * 1000);

  (void)small.ask("a");
  EXPECT_EQ(small.host.times().at("a").queue.count(), 2U);
  EXPECT_EQ(small.host.times().at("a").queue.sum(), first.queue.sum());  // there was nothing to wait for
  small.host.load("a");                                                  // asks for no lease
  EXPECT_EQ(small.host.times().at("a").queue.count(), 2U);

  const Lease lease = small.host.acquire("a");
  expect_error(ErrorCode::busy, "at work", [&] { (void)small.host.acquire("b", {.when_busy = WhenBusy::refuse}); });
  EXPECT_EQ(small.host.times().at("b").queue.count(), 0U);  // it got none
}

TEST(HostTest, ThereAreAsManyTimesAsLoadsAndEvictions) {
  Fleet fleet = fleet_of("ab");
  budget_for(fleet, 1);
  SmallHost small(fleet);
  for (const char* model : {"a", "b", "a", "b"}) (void)small.ask(model);
  small.settle();
  for (const char* model : {"a", "b"}) {
    const ModelStatus status = small.status(model);
    const ModelTimes times = small.host.times().at(model);
    EXPECT_EQ(status.loads, 2U);
    EXPECT_EQ(times.load.count(), status.loads);
    EXPECT_EQ(times.warm_up.count(), status.loads);
    EXPECT_EQ(times.eviction.count(), status.evictions);
    EXPECT_EQ(times.queue.count(), 2U);
  }
  EXPECT_GT(small.host.times().at("a").eviction.sum(), 0);
}

// SciSharp/LLamaSharp#759 as it should have been: A is ready, B does not fit beside it.
TEST(HostTest, WhereTwoModelsDoNotFitTheyTakeTurnsAndAConversationGoesOnExactly) {
  Fleet fleet = fleet_of("ab");
  budget_for(fleet, 1);
  const std::string uninterrupted = alone(fleet.models[0].request, "Day 12.", 24);
  const std::string other = alone(fleet.models[1].request, "Day 3.", 8);
  SmallHost small(fleet);
  const ConversationId conversation = small.host.new_conversation("a");
  std::string text = small.go_on("a", conversation, "Day 12.");
  for (int turn = 0; turn < 2; ++turn) {
    EXPECT_EQ(small.ask("b", "Day 3."), other);
    EXPECT_EQ(small.state("a"), ModelState::swapped);
    EXPECT_EQ(small.host.status().swapped_conversations, 1U);
    text += small.go_on("a", conversation, "");
    EXPECT_EQ(small.state("b"), ModelState::swapped);
  }
  EXPECT_EQ(text, uninterrupted);
  EXPECT_EQ(small.status("a").loads, 3U);
  EXPECT_EQ(small.status("a").seal.allocations_after_seal, 0U);
  EXPECT_LE(small.accounting.ledger().account(device::host()).committed, line(small.accounting));
}

TEST(HostTest, WhileAIsLeasedBWaitsAndAKeepsAnswering) {
  Fleet fleet = fleet_of("ab");
  budget_for(fleet, 1);
  SmallHost small(fleet);
  std::optional<Lease> lease = small.host.acquire("a");
  expect_error(ErrorCode::busy, "at work", [&] { (void)small.host.acquire("b", {.when_busy = WhenBusy::refuse}); });
  expect_error(ErrorCode::busy, "within 20 ms",
               [&] { (void)small.host.acquire("b", {.patience = std::chrono::milliseconds(20)}); });
  EXPECT_EQ(small.state("a"), ModelState::ready);  // nobody waits any more

  std::atomic<bool> answered = false;
  std::vector<std::size_t> places;
  std::jthread waiting([&] {
    Lease other =
        small.host.acquire("b", {.waiting = [&](const Dispatcher::Place& place) { places.push_back(place.position); }});
    answered = true;
  });
  while (small.state("a") != ModelState::draining) std::this_thread::yield();
  run::Generation generation(lease->conversation(),
                             {.prompt = run::tokenize_prompt(*lease->instance().model(), "Day 12."), .predict = 8});
  EXPECT_FALSE(run::stream(generation).empty());
  EXPECT_FALSE(answered);
  lease.reset();
  waiting.join();
  EXPECT_TRUE(answered);
  EXPECT_THAT(places, ::testing::ElementsAre(0U));
}

TEST(HostTest, AWaitingRequestCanBeCancelled) {
  Fleet fleet = fleet_of("ab");
  budget_for(fleet, 1);
  SmallHost small(fleet);
  const Lease lease = small.host.acquire("a");
  std::stop_source stop;
  std::jthread cancelling([&] {
    while (small.state("a") != ModelState::draining) std::this_thread::yield();
    stop.request_stop();
  });
  expect_error(ErrorCode::cancelled, "cancelled", [&] { (void)small.host.acquire("b", {.stop = stop.get_token()}); });
  EXPECT_EQ(small.state("a"), ModelState::ready);
}

TEST(HostTest, EightThreadsAndThreeModelsWithinABudgetForTwo) {
  constexpr int kRequests = 500;
  constexpr int kThreads = 8;
  Fleet fleet = fleet_of("abc", 4);
  budget_for(fleet, 2);
  const std::string days[]{"Day 1.", "Day 12.", "Day 30."};
  std::map<std::pair<std::string, std::string>, std::string> expected;
  for (const FleetModel& model : fleet.models) {
    for (const std::string& day : days) expected[{model.request.name, day}] = alone(model.request, day, 8);
  }
  SmallHost small(fleet);
  std::atomic<bool> crossed = false;
  std::atomic<int> right = 0;
  {
    std::jthread watching([&](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        if (small.accounting.ledger().account(device::host()).committed > line(small.accounting)) crossed = true;
        std::this_thread::yield();
      }
    });
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&, thread] {
        std::mt19937 random(static_cast<unsigned>(thread));
        for (int i = thread; i < kRequests; i += kThreads) {
          const std::string model(1, static_cast<char>('a' + random() % 3));
          const std::string& day = days[random() % 3];
          if (small.ask(model, day) == expected.at({model, day})) ++right;
        }
      });
    }
  }
  EXPECT_EQ(right, kRequests);
  EXPECT_FALSE(crossed);
  small.settle();
  // Every load had somebody waiting for it; every state is where the log says it is.
  std::uint64_t loads = 0;
  std::uint64_t evictions = 0;
  for (const ModelStatus& model : small.host.status().models) {
    loads += model.loads;
    evictions += model.evictions;
    EXPECT_EQ(model.seal.refused_after_seal, 0U);
    EXPECT_EQ(model.load_failures + model.refusals, 0U);
    EXPECT_EQ(replay(small.host.log().events()).at(model.name), model.state);
  }
  EXPECT_LE(loads, static_cast<std::uint64_t>(kRequests));
  EXPECT_LE(loads - evictions, 2U);
  RecordProperty("loads", static_cast<int>(loads));
}

TEST(HostTest, AModelThatCanNeverFitIsRefusedAtOnceAndNobodyGoes) {
  Fleet fleet = fleet_of("ab");
  fleet.models[1].request.dry_run.context.n_ctx = 64 * 1024;  // four times the cache
  budget_for(fleet, 1);
  SmallHost small(fleet);
  (void)small.ask("a");
  expect_error(ErrorCode::over_budget, "'b' does not fit", [&] { (void)small.host.acquire("b"); });
  EXPECT_EQ(small.state("a"), ModelState::ready);
  EXPECT_EQ(small.state("b"), ModelState::absent);
  EXPECT_EQ(small.status("b").refusals, 1U);
}

TEST(HostTest, ANewcomerThatNeedsTwoPlacesSparesThePinnedAndTheLeased) {
  Fleet fleet = fleet_of("abcde");
  fleet.models[4].request.dry_run.context.n_ctx = 40 * 1024;  // more than twice the cache
  fleet.models[0].pinned = true;
  budget_for(fleet, 4);
  SmallHost small(fleet);
  for (const char* name : {"a", "b", "c", "d"}) (void)small.ask(name);
  std::optional<Lease> lease = small.host.acquire("b");
  (void)small.ask("e");
  EXPECT_EQ(small.state("a"), ModelState::ready);
  EXPECT_EQ(small.state("b"), ModelState::ready);
  EXPECT_EQ(small.state("c"), ModelState::swapped);
  EXPECT_EQ(small.state("d"), ModelState::swapped);
}

TEST(HostTest, WhereSomebodyElseTookTheMemoryTheLoadFailsTypedAndTheOthersGoOn) {
  SmallHost small(fleet_of("ab"));
  const std::string said = small.ask("a");
  const Bytes before = taken(small.accounting);
  small.faults.fail_nth(0);
  expect_error(ErrorCode::out_of_device_memory, "", [&] { (void)small.host.acquire("b"); });
  EXPECT_EQ(taken(small.accounting), before);
  EXPECT_EQ(small.state("b"), ModelState::absent);
  EXPECT_EQ(small.status("b").load_failures, 1U);
  EXPECT_EQ(small.ask("a"), said);
  EXPECT_FALSE(small.ask("b").empty());
}

// Refuses each allocation of a switch once; answers how many there were.
int refuse_each_of_a_switch(Fleet fleet) {
  budget_for(fleet, 1);
  SmallHost small(fleet);
  const std::string a = small.ask("a");
  const std::string b = small.ask("b");
  int refused = 0;
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(small.ask("a"), a);  // the old model is back
    small.faults.refuse_nth(i);
    try {
      EXPECT_EQ(small.ask("b"), b);
      break;  // no allocation was left to refuse
    } catch (const Error& error) {
      ++refused;
      EXPECT_EQ(error.code(), ErrorCode::over_budget) << error.what();
      EXPECT_EQ(small.state("b"), ModelState::swapped);
    }
  }
  small.faults.refuse_nth(-1);
  return refused;
}

// Where weights are laid out anew for the CPU (AMX, CPU_REPACK) they have a buffer, mapped file or not.
int buffers_of_weights(const FleetModel& model) {
  const auto entries = plimsoll::test::plan_of(model.request).models.front().entries;
  return static_cast<int>(std::ranges::count_if(
      entries, [](const plan::Entry& entry) { return entry.charged && entry.stage == memory::Stage::weights; }));
}

TEST(HostTest, EveryAllocationRefusedOnceDuringASwitchLeavesAConsistentState) {
  constexpr int kOfAContext = 3;  // cache, output, and compute: the compute group's, which lends it, or its own
  Fleet fleet = fleet_of("ab");
  EXPECT_EQ(refuse_each_of_a_switch(fleet), kOfAContext + buffers_of_weights(fleet.models[1]));
  for (FleetModel& model : fleet.models) model.request.compute_group = "";
  EXPECT_EQ(refuse_each_of_a_switch(fleet), kOfAContext + buffers_of_weights(fleet.models[1]));
  for (FleetModel& model : fleet.models) model.request.dry_run.model.load_mode = engine::LoadMode::none;
  EXPECT_GE(buffers_of_weights(fleet.models[1]), 1);
  EXPECT_EQ(refuse_each_of_a_switch(fleet), kOfAContext + buffers_of_weights(fleet.models[1]));
}

TEST(HostTest, AHundredSwitchesEndWhereTheyBegan) {
  Fleet fleet = fleet_of("ab");
  budget_for(fleet, 1);
  SmallHost small(fleet);
  for (int i = 0; i < 3; ++i) {
    (void)small.ask("a");
    (void)small.ask("b");
  }
  small.settle();
  const Bytes ledger = taken(small.accounting);
  const Bytes process = plimsoll::test::process_memory();
  for (int i = 0; i < 50; ++i) {
    (void)small.ask("a");
    (void)small.ask("b");
    EXPECT_EQ(taken(small.accounting), ledger);
  }
  EXPECT_LE(saturating_sub(plimsoll::test::process_memory(), process), 2_MiB);
  EXPECT_EQ(small.status("b").loads, 53U);
}

TEST(HostTest, TwentyFourModelsInOneProcess) {
  Fleet fleet = fleet_of("abcdefghijklmnopqrstuvwx");
  for (FleetModel& model : fleet.models) model.request.dry_run.context.n_ctx = 512;
  SmallHost small(fleet);
  for (const FleetModel& model : fleet.models) EXPECT_FALSE(small.ask(model.request.name).empty());
  for (const ModelStatus& model : small.host.status().models) EXPECT_EQ(model.state, ModelState::ready);
}

TEST(HostTest, LoadsAtStartAndUnloadsWhenAsked) {
  Fleet fleet = fleet_of("ab");
  fleet.models[0].load_at_start = true;
  fleet.models[1].pinned = true;
  SmallHost small(fleet);
  while (small.state("a") != ModelState::ready) std::this_thread::yield();
  small.host.load("b");
  EXPECT_EQ(small.state("b"), ModelState::ready);
  small.host.unload("a");
  while (small.state("a") != ModelState::swapped) std::this_thread::yield();
  expect_error(ErrorCode::usage, "is pinned", [&] { small.host.unload("b"); });
  small.host.pin("b", false);
  small.host.unload("b");
  while (small.state("b") != ModelState::swapped) std::this_thread::yield();
  EXPECT_EQ(taken(small.accounting), 0_B);
}

TEST(HostTest, AnIdleModelGoesAfterItsTimeToLive) {
  Fleet fleet = fleet_of("a");
  fleet.models[0].time_to_live = std::chrono::milliseconds(50);
  SmallHost small(fleet);
  (void)small.ask("a");
  const auto begin = std::chrono::steady_clock::now();
  while (small.state("a") != ModelState::swapped &&
         std::chrono::steady_clock::now() - begin < std::chrono::seconds(120)) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_EQ(small.state("a"), ModelState::swapped);
}

TEST(HostTest, ATimeToLiveCanBeGivenLater) {
  SmallHost small(fleet_of("a"));
  (void)small.ask("a");
  EXPECT_EQ(small.status("a").time_to_live, std::nullopt);
  small.host.set_time_to_live("a", std::chrono::milliseconds(1));
  EXPECT_EQ(small.status("a").time_to_live, std::chrono::milliseconds(1));
  while (small.state("a") != ModelState::swapped) std::this_thread::yield();
  small.host.set_time_to_live("a", std::nullopt);
  (void)small.ask("a");
  EXPECT_EQ(small.state("a"), ModelState::ready);
}

TEST(HostTest, AModelForEmbeddingsHasOneLeaseAtATime) {
  Fleet fleet = fleet_of("a", 4);
  fleet.models[0].request.dry_run.context.embeddings = true;
  fleet.models[0].request.dry_run.context.pooling = engine::Pooling::mean;
  fleet.models[0].request.dry_run.context.n_ctx = 1024;
  SmallHost small(fleet);
  EXPECT_EQ(small.status("a").slots, 1U);
  Lease lease = small.host.acquire("a");
  expect_error(ErrorCode::unsupported, "embeddings", [&] { (void)lease.conversation(); });
}

TEST(HostTest, AFleetThatContradictsItselfIsRefusedWithEveryReason) {
  Fleet fleet = fleet_of("aa");
  fleet.thresholds.warn = 2;
  expect_error(ErrorCode::usage, "two models are called 'a'; the thresholds", [&] { const SmallHost small(fleet); });
}

}  // namespace
}  // namespace plimsoll::host
