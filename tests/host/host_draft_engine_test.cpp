// A draft that a fleet gives to one of its models.
#include <gtest/gtest.h>

#include "host/lease_request.hpp"

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

// It lets its draft go, and has one again; the text is the same to the letter.
TEST(HostDraftTest, ARequestWithADraftGivesWay) {
  using namespace std::chrono_literals;
  Fleet fleet = fleet_of("a", 1);
  const std::string expected = alone(fleet.models[0].request, "Day 12.", 24);
  fleet.models[0].draft = FleetDraft{
      .request = run::plan_with_draft(fleet.models[0].request, fleet.models[0].request.dry_run.model.path, {.most = 4}),
      .speculation = {.most = 4}};
  SmallHost small(fleet, {.time_slice = 0ms});
  std::stop_source asked;
  Lease lease = small.host.acquire(
      "a", {.conversation = small.host.new_conversation("a"), .claim = {.tenant = "x"}, .give_way = asked});
  run::GenerationParams params{.prompt = run::tokenize_prompt(*lease.instance().model(), "Day 12."),
                               .predict = 24,
                               .sampling = {.temperature = 0},
                               .ignore_end_of_generation = true,
                               .draft = lease.draft()};
  params.read_ahead = 0;
  run::Generation generation(lease.conversation(), std::move(params));
  std::string text;
  for (int i = 0; i < 5; ++i) text += generation.next().value();
  LeaseRequest urgent(small.host, "a", {.claim = {.tenant = "y", .priority = 1}});
  while (!asked.stop_requested()) text += generation.next().value();
  generation.pause();
  for (auto piece = generation.poll(); piece && !piece->empty(); piece = generation.poll()) text += *piece;
  bool was_served = false;
  const auto serve = [&] {
    if (!std::exchange(was_served, true)) (void)urgent.take();
  };
  lease.give_way({.claim = {.tenant = "x"}}, {.tell = serve, .step = 1ms});
  EXPECT_TRUE(was_served);
  generation.go_on(lease.draft());
  text += run::stream(generation);
  EXPECT_EQ(text, expected);
  EXPECT_GT(generation.timing().speculation.accepted, 0U);
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
