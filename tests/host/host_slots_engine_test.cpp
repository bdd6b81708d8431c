// One request with several slots of a model.
#include <gtest/gtest.h>

#include <optional>
#include <stop_token>
#include <thread>
#include <vector>

#include "small_fleet.hpp"

namespace plimsoll::host::test {
namespace {

std::string greedy(Lease& lease) {
  run::Generation generation(lease.conversation(),
                             {.prompt = run::tokenize_prompt(*lease.instance().model(), "Day 12."),
                              .predict = 8,
                              .sampling = {.temperature = 0},
                              .ignore_end_of_generation = true});
  return run::stream(generation);
}

TEST(HostSlotsTest, FurtherSlotsAreTakenWhileTheyAreFree) {
  const Fleet fleet = fleet_of("a", 3);
  const std::string expected = alone(fleet.models[0].request, "Day 12.", 8);
  SmallHost small(fleet);
  Lease first = small.host.acquire("a");
  {
    std::optional<Lease> second = first.another();
    std::optional<Lease> third = first.another();
    ASSERT_TRUE(second);
    ASSERT_TRUE(third);
    EXPECT_FALSE(first.another());
    EXPECT_EQ(small.status("a").leases, 3U);
    EXPECT_EQ(greedy(*third), expected);
    second->conversation().copy_from(third->conversation());
    EXPECT_EQ(second->conversation().tokens(), third->conversation().tokens());
    second.reset();
    EXPECT_EQ(greedy(first), expected);
  }
  EXPECT_EQ(small.status("a").leases, 1U);
  EXPECT_TRUE(first.another());
}

// Conversations that nobody uses hold sequences, and not slots.
TEST(HostSlotsTest, AKeptConversationMakesWayForAFurtherSlot) {
  SmallHost small(fleet_of("a", 2));
  const ConversationId kept = small.host.new_conversation("a");
  const std::string before = small.go_on("a", kept, "Day 12.");
  {
    Lease first = small.host.acquire("a");
    EXPECT_FALSE(greedy(first).empty());
    std::optional<Lease> second = first.another();
    ASSERT_TRUE(second);
    EXPECT_FALSE(greedy(*second).empty());
  }
  EXPECT_FALSE(small.go_on("a", kept, "").empty());
}

TEST(HostSlotsTest, WhoWaitsIsToldOfAndServedFirst) {
  SmallHost small(fleet_of("a", 2));
  Lease first = small.host.acquire("a");
  std::optional<Lease> second = first.another();
  ASSERT_TRUE(second);
  EXPECT_FALSE(first.is_wanted_back());
  std::jthread waits([&] { EXPECT_FALSE(small.ask("a").empty()); });
  while (!first.is_wanted_back()) std::this_thread::yield();
  EXPECT_FALSE(first.another());
  second.reset();
  waits.join();
  EXPECT_FALSE(first.is_wanted_back());
  EXPECT_TRUE(first.another());
}

// The model is promised away: it goes once what is under way has ended, and takes no more on.
TEST(HostSlotsTest, AModelThatIsToGoGivesNoFurtherSlots) {
  Fleet fleet = fleet_of("ab", 2);
  budget_for(fleet, 1);
  SmallHost small(fleet);
  std::optional<Lease> first = small.host.acquire("a");
  std::jthread waits([&] { EXPECT_FALSE(small.ask("b").empty()); });
  while (!first->is_wanted_back()) std::this_thread::yield();
  EXPECT_FALSE(first->another());
  EXPECT_FALSE(greedy(*first).empty());
  first.reset();
  waits.join();
  EXPECT_EQ(small.state("a"), ModelState::swapped);
}

}  // namespace
}  // namespace plimsoll::host::test
