// What a host keeps for the next request: a conversation, and a model's mapping.
#include <gtest/gtest.h>

#include "host/host.hpp"

#include "expect_error.hpp"
#include "small_fleet.hpp"

namespace plimsoll::host::test {
namespace {

using plimsoll::test::expect_error;

TEST(HostReuseTest, ALeaseGoesOnWithAConversationThatIsChosenWhenTheModelIsReady) {
  const Fleet fleet = fleet_of("a", 2);
  const std::string uninterrupted = alone(fleet.models[0].request, "Day 12.", 16);
  SmallHost small(fleet);
  const ConversationId conversation = small.host.new_conversation("a");
  std::string text = small.go_on("a", conversation, "Day 12.");
  {
    Lease lease = small.host.acquire("a");
    lease.conversation().prompt("Day 3.");  // one that ends with what follows
    lease.resume(conversation);
    lease.resume(conversation);  // it is there already
    Lease other = small.host.acquire("a");
    expect_error(ErrorCode::busy, "has a lease already", [&] { other.resume(conversation); });
    expect_error(ErrorCode::usage, "no conversation 77", [&] { other.resume(77); });
    EXPECT_EQ(other.conversation().size(), 0U);  // and goes on with one of its own
    run::GenerationParams params{.predict = 8, .sampling = {.temperature = 0}, .ignore_end_of_generation = true};
    run::Generation generation(lease.conversation(), params);
    text += run::stream(generation);
  }
  EXPECT_EQ(text, uninterrupted);
  small.host.end_conversation(conversation);
}

// Mapped weights count against no budget, so they stay mapped: the next load is a context and no more.
TEST(HostReuseTest, AMappedModelStaysMappedWhileItIsSwappedOut) {
  Fleet fleet = mapped(fleet_of("ab"));
  budget_for(fleet, 1);
  const std::string expected = alone(fleet.models[0].request, "Day 12.", 8);
  SmallHost small(fleet);
  const auto mapped_bytes = [&] {
    Bytes sum;
    for (const memory::Entry& entry : small.accounting.ledger().entries_of("a"))
      if (!entry.charged) sum += entry.taken.current;
    return sum;
  };
  EXPECT_EQ(small.ask("a", "Day 12."), expected);
  const Bytes while_ready = mapped_bytes();
  EXPECT_GT(while_ready, Bytes{});
  (void)small.ask("b");
  EXPECT_EQ(small.state("a"), ModelState::swapped);
  EXPECT_EQ(mapped_bytes(), while_ready);
  for (const memory::Entry& entry : small.accounting.ledger().entries_of("a"))
    EXPECT_TRUE(!entry.charged || entry.taken.current == Bytes{});
  EXPECT_EQ(small.ask("a", "Day 12."), expected);
  EXPECT_EQ(mapped_bytes(), while_ready);  // not a second time
}

// A store that knows the warm-ups of both models, so that the next host warms them in short.
void warm_up_in_full(Fleet fleet, const std::string& store) {
  SmallHost small(std::move(fleet), {}, store);
  for (const char* name : {"a", "b", "c"}) (void)small.ask(name);
}

// a and c are of one shape, b is of another.
Fleet planned_with(Bytes runtime) {
  Fleet fleet = fleet_of("abc");
  for (FleetModel& model : fleet.models) model.request.runtime = {{.device = device::host(), .bytes = runtime}};
  return fleet;
}

// What was planned stays reserved after a warm-up in short. Where that leaves another model no room, a model goes; its
// load is not refused.
TEST(HostReuseTest, WhatAShortWarmUpLeavesReservedCountsForTheNextModel) {
  plimsoll::test::TemporaryFolder folder;
  const std::string store = folder / "plimsoll.db";
  Fleet fleet = planned_with(64_MiB);
  warm_up_in_full(fleet, store);
  fleet.budgets = {{.device = device::host(), .amount = together(fleet, "ab") - 32_MiB}};
  SmallHost small(fleet, {}, store);
  (void)small.ask("a");
  (void)small.ask("b");
  EXPECT_EQ(small.state("a"), ModelState::swapped);
  EXPECT_EQ(small.state("b"), ModelState::ready);
}

// What one of its shape has made in this process is not made again, so nothing stays reserved for that.
TEST(HostReuseTest, OfAShapeThatWasWarmedHereOnlyWhatItTookIsReserved) {
  plimsoll::test::TemporaryFolder folder;
  const std::string store = folder / "plimsoll.db";
  Fleet fleet = planned_with(64_MiB);
  warm_up_in_full(fleet, store);
  fleet.budgets = {{.device = device::host(), .amount = together(fleet, "ac") + kSlack}};
  SmallHost small(fleet, {}, store);
  const auto reserved_runtime = [&](const std::string& name) {
    Bytes sum;
    for (const memory::Entry& entry : small.accounting.ledger().entries_of(name))
      if (entry.tag.stage == memory::Stage::runtime) sum += entry.planned;
    return sum;
  };
  (void)small.ask("a");
  (void)small.ask("c");
  EXPECT_EQ(small.state("a"), ModelState::ready);
  EXPECT_EQ(reserved_runtime("a"), 64_MiB);
  EXPECT_LT(reserved_runtime("c"), 32_MiB);
}

}  // namespace
}  // namespace plimsoll::host::test
