// Models of one compute group: what they share, and that nothing is heard of it.
#include "host/host.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "small_fleet.hpp"

namespace plimsoll::host {
namespace {

using test::alone;
using test::fleet_of;
using test::SmallHost;

TEST(HostComputeGroupsTest, TheBuffersOfAComputeGroupIsTheLargestNotTheSum) {
  Fleet fleet = fleet_of("abcd");
  fleet.models[2].request.dry_run.context.n_ubatch = 64;  // larger compute buffers
  Bytes largest;
  for (const FleetModel& model : fleet.models) {
    Bytes compute;
    for (const plan::Entry& entry : plimsoll::test::plan_of(model.request).models.front().entries) {
      if (entry.stage == memory::Stage::compute) compute += entry.bytes;
    }
    largest = std::max(largest, compute);
  }
  SmallHost small(fleet);
  for (const char* name : {"a", "b", "c", "d"}) (void)small.ask(name);
  Bytes compute;
  for (const memory::Entry& entry : small.accounting.ledger().entries()) {
    if (entry.tag.stage != memory::Stage::compute) continue;
    compute += entry.taken.current;
    if (entry.taken.current > 0_B) {
      EXPECT_EQ(entry.tag.owner, "group:main");
      EXPECT_EQ(entry.taken.current, entry.planned);
    }
  }
  EXPECT_EQ(compute, largest);
}

TEST(HostComputeGroupsTest, SharingBuffersChangesNoWord) {
  Fleet shared = fleet_of("abc");
  Fleet apart = shared;
  for (FleetModel& model : apart.models) model.request.compute_group.clear();
  std::vector<std::string> texts[2];
  for (int i = 0; i < 2; ++i) {
    SmallHost small(i == 0 ? shared : apart);
    std::vector<ConversationId> conversations;
    for (const FleetModel& model : shared.models)
      conversations.push_back(small.host.new_conversation(model.request.name));
    for (int turn = 0; turn < 4; ++turn) {
      for (std::size_t m = 0; m < shared.models.size(); ++m)
        texts[i].push_back(small.go_on(shared.models[m].request.name, conversations[m], turn == 0 ? "Day 7." : "", 6));
    }
  }
  EXPECT_EQ(texts[0], texts[1]);
}

TEST(HostComputeGroupsTest, ModelsOfOneComputeGroupAnswerSeveralThreadsAtOnce) {
  const Fleet fleet = fleet_of("ab", 2);
  const std::string a = alone(fleet.models[0].request, "Day 12.", 8);
  const std::string b = alone(fleet.models[1].request, "Day 12.", 8);
  SmallHost small(fleet);
  std::atomic<int> wrong = 0;
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 6; ++thread) {
      threads.emplace_back([&, thread] {
        for (int i = 0; i < 20; ++i) {
          if (small.ask(thread % 2 == 0 ? "a" : "b") != (thread % 2 == 0 ? a : b)) ++wrong;
        }
      });
    }
  }
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(small.status("a").seal.allocations_after_seal, 0U);
}

// A request that is long, or one after another of one model, does not keep the other model of the group waiting.
TEST(HostComputeGroupsTest, ModelsOfOneComputeGroupMoveOnTogether) {
  SmallHost small(fleet_of("ab", 1));
  (void)small.ask("a");
  (void)small.ask("b");
  std::atomic<int> of_a = 0;
  std::atomic<bool> done = false;
  std::jthread busy([&] {
    Lease lease = small.host.acquire("a");
    run::Generation generation(
        lease.conversation(),
        {.prompt = {5, 6, 7}, .predict = 100, .ignore_end_of_generation = true, .on_read = [&](auto&) { ++of_a; }});
    (void)run::stream(generation);
    done = true;
  });
  while (of_a < 5) std::this_thread::yield();
  const int before = of_a;
  {
    Lease lease = small.host.acquire("b");
    run::Generation generation(lease.conversation(),
                               {.prompt = {5, 6, 7}, .predict = 20, .ignore_end_of_generation = true});
    (void)run::stream(generation);
  }
  const int meanwhile = of_a - before;
  EXPECT_FALSE(done);
  EXPECT_GE(meanwhile, 5);
}

// Kept conversations fill a cache that sequences share; they make way for whoever asks now.
TEST(HostComputeGroupsTest, KeptConversationsMakeWayInASharedCache) {
  Fleet fleet = fleet_of("a", 4);
  engine::ContextParams& context = fleet.models[0].request.dry_run.context;
  context.kv_unified = true;
  context.n_ctx = 256;
  SmallHost small(fleet);
  std::vector<ConversationId> conversations;
  for (int i = 0; i < 6; ++i) {
    conversations.push_back(small.host.new_conversation("a"));
    Lease lease = small.host.acquire("a", {.conversation = conversations.back()});
    run::Generation generation(
        lease.conversation(),
        {.prompt = std::vector<engine::Token>(100, 5 + i), .predict = 20, .ignore_end_of_generation = true});
    (void)run::stream(generation);
    EXPECT_EQ(generation.tokens().size(), 20U) << i;
  }
  EXPECT_GT(small.host.status().swapped_conversations, 0U);
  Lease lease = small.host.acquire("a", {.conversation = conversations.front()});
  EXPECT_EQ(lease.conversation().size(), 120U);
  run::Generation again(lease.conversation(), {.predict = 4, .ignore_end_of_generation = true});
  (void)run::stream(again);
  EXPECT_EQ(again.tokens().size(), 4U);
}

}  // namespace
}  // namespace plimsoll::host
