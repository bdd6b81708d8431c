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

}  // namespace
}  // namespace plimsoll::host::test
