// A draft that a fleet gives to one of its models.
#include <gtest/gtest.h>

#include "expect_error.hpp"
#include "small_fleet.hpp"

namespace plimsoll::host::test {
namespace {

using plimsoll::test::expect_error;

// The draft comes and goes with its model, and the text is the model's own.
TEST(HostDraftTest, ADraftIsLoadedAndEvictedWithItsModel) {
  Fleet fleet = fleet_of("ab");
  const std::string expected = alone(fleet.models[0].request, "Day 12.", 24);
  const std::string other = alone(fleet.models[1].request, "Day 3.", 8);
  fleet.models[0].draft = FleetDraft{
      .request = run::plan_with_draft(fleet.models[0].request, fleet.models[0].request.dry_run.model.path, {.most = 4}),
      .speculation = {.most = 4}};
  fleet.budgets = {{.device = device::host(), .amount = together(fleet, "a") + kSlack}};
  SmallHost small(fleet);
  const auto taken_by_draft = [&] {
    Bytes sum;
    for (const memory::Entry& entry : small.accounting.ledger().entries_of("a-draft")) {
      if (entry.charged) sum += entry.taken.current;
    }
    return sum;
  };
  for (int turn = 0; turn < 2; ++turn) {
    {
      Lease lease = small.host.acquire("a");
      const auto draft = lease.draft();
      ASSERT_TRUE(draft);
      run::Generation generation(lease.conversation(),
                                 {.prompt = run::tokenize_prompt(*lease.instance().model(), "Day 12."),
                                  .predict = 24,
                                  .sampling = {.temperature = 0},
                                  .ignore_end_of_generation = true,
                                  .draft = draft});
      std::string text;
      while (const auto piece = generation.next()) text += *piece;
      EXPECT_EQ(text, expected);
      EXPECT_GT(generation.timing().speculation.accepted, 0U);  // it is the same model
      EXPECT_GT(taken_by_draft(), Bytes{});
    }
    EXPECT_EQ(small.ask("b", "Day 3."), other);
    EXPECT_EQ(small.state("a"), ModelState::swapped);
    EXPECT_EQ(taken_by_draft(), Bytes{});
  }
  const memory::DeviceAccount account = small.accounting.ledger().account(device::host());
  EXPECT_LE(account.committed, account.budget.value());
  Lease without = small.host.acquire("b");
  EXPECT_FALSE(without.draft());
}

TEST(HostDraftTest, AModelWhoseDraftHasAnotherVocabularyIsNotLoaded) {
  Fleet fleet = fleet_of("ab");
  fleet.models[0].draft = FleetDraft{
      .request = run::plan_with_draft(fleet.models[0].request, fleet.models[1].request.dry_run.model.path, {}),
      .speculation = {}};
  SmallHost small(fleet);
  expect_error(ErrorCode::usage, "not the same vocabulary", [&] { (void)small.host.acquire("a"); });
  EXPECT_FALSE(small.ask("b").empty());
}

}  // namespace
}  // namespace plimsoll::host::test
