// A host whose fleet becomes another one while it works.
#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "expect_error.hpp"
#include "small_fleet.hpp"

namespace plimsoll::host::test {
namespace {

using plimsoll::test::expect_error;
using Names = std::vector<std::string>;

class HostReloadTest : public testing::Test {
 protected:
  ReloadReport reload(SmallHost& small, const Fleet& next, const std::stop_token& stop = {}) {
    plan::Planner planner(dry_runs_, store_);
    return small.host.reload([&] { return with_folder(next, small); }, planner, stop);
  }
  static Fleet with_folder(Fleet fleet, const SmallHost& small) {
    fleet.swap.folder = small.folder.path();
    return fleet;
  }
  static FleetModel& model(Fleet& fleet, const std::string& name) {
    return *std::ranges::find(fleet.models, name, [](const FleetModel& one) { return one.request.name; });
  }
  // Everything that a fleet holds of a model that is not in it any more.
  static Bytes held_by(SmallHost& small, const std::string& name) {
    Bytes sum;
    for (const memory::Entry& entry : small.accounting.ledger().entries_of(name))
      if (entry.charged) sum += entry.taken.current;
    return sum;
  }
  dry_run::LocalDryRuns dry_runs_;
  plan::Store store_{"/dev/null/plimsoll.db"};
};

TEST_F(HostReloadTest, TheSameFleetChangesNothing) {
  const Fleet fleet = fleet_of("ab");
  SmallHost small(fleet);
  const std::string said = small.ask("a");
  for (int i = 0; i < 2; ++i) {
    const ReloadReport report = reload(small, fleet);
    EXPECT_TRUE(report.applied);
    EXPECT_TRUE(report.difference.settings.empty());
    EXPECT_EQ(report.difference.unchanged, (Names{"a", "b"}));
  }
  EXPECT_EQ(small.status("a").loads, 1U);
  EXPECT_EQ(small.state("a"), ModelState::ready);
  EXPECT_EQ(small.ask("a"), said);
  EXPECT_EQ(small.host.status().reloads.applied, 2U);
}

TEST_F(HostReloadTest, ANewModelAnswersBesideTheOthers) {
  const std::string expected = alone(fleet_of("ab").models[1].request, "Day 12.", 8);
  SmallHost small(fleet_of("a"));
  const std::string said = small.ask("a");
  Lease lease = small.host.acquire("a");
  expect_error(ErrorCode::usage, "no model 'b'", [&] { (void)small.ask("b"); });
  const ReloadReport report = reload(small, fleet_of("ab"));
  EXPECT_EQ(report.difference.added, Names{"b"});
  EXPECT_EQ(small.ask("b"), expected);
  EXPECT_EQ(small.ask("a"), said);
  EXPECT_EQ(small.status("a").loads, 1U);
  EXPECT_EQ(small.host.fleet()->models.size(), 2U);
  EXPECT_EQ(small.host.plans().size(), 2U);
}

TEST_F(HostReloadTest, AModelThatGoesFinishesItsLeasesAndNobodyElseGetsOne) {
  SmallHost small(fleet_of("ab"));
  const std::string said = small.ask("a");
  {
    Lease lease = small.host.acquire("a");
    Fleet next = fleet_of("ab");
    next.models.erase(next.models.begin());
    EXPECT_EQ(reload(small, next).difference.removed, Names{"a"});
    EXPECT_FALSE(small.host.has("a"));
    expect_error(ErrorCode::usage, "no model 'a'", [&] { (void)small.host.acquire("a"); });
    EXPECT_EQ(small.state("a"), ModelState::draining);  // it is shown for as long as it holds memory
    run::Generation generation(lease.conversation(),
                               {.prompt = run::tokenize_prompt(*lease.instance().model(), "Day 12."),
                                .predict = 8,
                                .sampling = {.temperature = 0},
                                .ignore_end_of_generation = true});
    EXPECT_EQ(run::stream(generation), said);
  }
  while (small.host.status().models.size() > 1) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_EQ(held_by(small, "a"), Bytes{});
  EXPECT_FALSE(small.ask("b").empty());
  // It may come back.
  EXPECT_EQ(reload(small, fleet_of("ab")).difference.added, Names{"a"});
  EXPECT_EQ(small.ask("a"), said);
}

TEST_F(HostReloadTest, AModelThatComesBackWhileItIsStillAtWorkIsLoadedAnew) {
  const std::string expected = alone(fleet_of("a").models[0].request, "Day 12.", 8);
  SmallHost small(fleet_of("ab"));
  Fleet without = fleet_of("ab");
  without.models.erase(without.models.begin());
  {
    const Lease lease = small.host.acquire("a");
    (void)reload(small, without);
    EXPECT_EQ(reload(small, fleet_of("ab")).difference.added, Names{"a"});
  }
  EXPECT_EQ(small.ask("a"), expected);
  EXPECT_EQ(small.host.status().models.size(), 2U);
}

TEST_F(HostReloadTest, WhoAsksForAModelThatChangesWaitsForWhatItBecomes) {
  SmallHost small(fleet_of("a", 2));
  const ConversationId conversation = small.host.new_conversation("a");
  const std::string first = small.go_on("a", conversation, "Day 12.");
  std::optional<Lease> lease = small.host.acquire("a");
  Fleet next = fleet_of("a", 2);
  next.models[0].request.dry_run.context.n_ctx = 8192;
  const ReloadReport report = reload(small, next);
  ASSERT_EQ(report.difference.changed.size(), 1U);
  EXPECT_EQ(report.difference.changed[0].what, Names{"ctx-size"});
  expect_error(ErrorCode::busy, "", [&] { (void)small.host.acquire("a", {.patience = std::chrono::milliseconds(0)}); });
  EXPECT_EQ(lease->instance().context().facts().n_ctx, 16384U);
  std::jthread later([&] { lease.reset(); });
  const Lease anew = small.host.acquire("a");
  EXPECT_EQ(anew.instance().context().facts().n_ctx, 8192U);
  EXPECT_EQ(small.status("a").loads, 2U);
}

TEST_F(HostReloadTest, ConversationsGoOnWhereTheModelStaysTheSame) {
  for (const bool other_cache : {false, true}) {
    SmallHost small(fleet_of("a"));
    SmallHost* const one = &small;
    const ConversationId conversation = one->host.new_conversation("a");
    const std::string first = one->go_on("a", conversation, "Day 12.");
    Fleet next = fleet_of("a");
    next.models[0].request.dry_run.context.n_ctx = 8192;
    if (other_cache) next.models[0].request.dry_run.context.type_k = engine::CacheType::f32;
    ASSERT_TRUE(reload(*one, next).applied);
    const Lease lease = one->host.acquire("a", {.conversation = conversation});
    EXPECT_GT(one->host.status().models[0].loads, 1U);
    Lease& held = const_cast<Lease&>(lease);
    const std::vector<engine::Token> tokens = held.conversation().tokens();
    EXPECT_EQ(held.instance().model()->vocab().detokenize(tokens).substr(0, 7), "Day 12.");
    EXPECT_GT(tokens.size(), 8U);
  }
}

TEST_F(HostReloadTest, ConversationsOfAnotherFileBeginAnew) {
  SmallHost small(fleet_of("ab"));
  const ConversationId conversation = small.host.new_conversation("a");
  (void)small.go_on("a", conversation, "Day 12.");
  Fleet next = fleet_of("ab");
  next.models[0].request.dry_run.model.path = next.models[1].request.dry_run.model.path;
  ASSERT_TRUE(reload(small, next).applied);
  Lease lease = small.host.acquire("a", {.conversation = conversation});
  EXPECT_TRUE(lease.conversation().tokens().empty());
  EXPECT_EQ(small.host.status().swapped_conversations, 0U);
}

TEST_F(HostReloadTest, AConversationThatIsLongerThanTheNewContextIsToldSoOnce) {
  SmallHost small(fleet_of("a", 1));
  const ConversationId conversation = small.host.new_conversation("a");
  (void)small.go_on("a", conversation, "Day 12.", 300);
  Fleet next = fleet_of("a", 1);
  next.models[0].request.dry_run.context.n_ctx = 256;
  next.models[0].request.dry_run.context.n_batch = 64;
  next.models[0].request.dry_run.context.n_ubatch = 64;
  ASSERT_TRUE(reload(small, next).applied);
  expect_error(ErrorCode::unsupported, "begins anew", [&] { (void)small.go_on("a", conversation, "Day"); });
  EXPECT_FALSE(small.go_on("a", conversation, "Day").empty());
}

TEST_F(HostReloadTest, RulesAloneTouchNoMemory) {
  SmallHost small(fleet_of("ab"));
  (void)small.ask("a");
  small.host.pin("b", true);  // by hand
  Fleet next = fleet_of("ab");
  next.models[0].pinned = true;
  next.models[1].aliases = {"mate"};
  const ReloadReport report = reload(small, next);
  EXPECT_EQ(report.difference.changed.size(), 2U);
  EXPECT_TRUE(small.status("a").pinned);
  EXPECT_TRUE(small.status("b").pinned);  // the file says nothing new of that
  EXPECT_EQ(small.status("a").loads, 1U);
  EXPECT_EQ(small.state("a"), ModelState::ready);
  EXPECT_EQ(small.host.fleet()->models[1].aliases, Names{"mate"});
}

TEST_F(HostReloadTest, WhatIsWrongChangesNothing) {
  SmallHost small(fleet_of("ab"));
  const std::string said = small.ask("a");
  Fleet missing = fleet_of("abc");
  model(missing, "c").request.dry_run.model.path = "/nowhere/c.gguf";
  model(missing, "c").place = "fleet.toml:9:1";
  model(missing, "a").request.dry_run.context.n_ctx = 512;
  ReloadReport report = reload(small, missing);
  EXPECT_FALSE(report.applied);
  ASSERT_EQ(report.reasons.size(), 1U);
  EXPECT_EQ(report.reasons[0].place, "fleet.toml:9:1");
  EXPECT_EQ(report.reasons[0].model, "c");
  EXPECT_TRUE(report.reasons[0].sentence.contains("/nowhere/c.gguf")) << report.reasons[0].sentence;

  Fleet too_large = fleet_of("abc");
  model(too_large, "c").request.dry_run.context.n_ctx = 16'000'000;
  model(too_large, "c").place = "fleet.toml:9:1";
  too_large.budgets = {{.device = device::host(), .amount = 500_MiB}};
  report = reload(small, too_large);
  EXPECT_FALSE(report.applied);
  ASSERT_EQ(report.reasons.size(), 1U);
  EXPECT_TRUE(report.reasons[0].sentence.contains("does not fit")) << report.reasons[0].sentence;
  EXPECT_FALSE(report.reasons[0].alternatives.empty());

  report = reload(small, Fleet{});
  EXPECT_FALSE(report.applied);
  EXPECT_EQ(report.reasons[0].sentence, "there is no model in this fleet");

  plan::Planner planner(dry_runs_, store_);
  report = small.host.reload([]() -> Fleet { throw Error(ErrorCode::io, "the file is gone"); }, planner);
  EXPECT_EQ(report.reasons[0].sentence, "the file is gone");

  EXPECT_EQ(small.host.fleet()->models.size(), 2U);
  EXPECT_EQ(small.status("a").loads, 1U);
  EXPECT_EQ(small.ask("a"), said);
  EXPECT_EQ(small.host.status().reloads.refused, 4U);
  EXPECT_FALSE(small.host.status().reloads.last_was_applied);
}

TEST_F(HostReloadTest, AModelThatNoFileDeclaresFailsByItself) {
  SmallHost small(fleet_of("a"));
  Fleet next = fleet_of("ab");
  next.models[1].request.dry_run.model.path = "/nowhere/b.gguf";
  const ReloadReport report = reload(small, next);
  EXPECT_TRUE(report.applied);
  ASSERT_EQ(report.reasons.size(), 1U);
  EXPECT_EQ(small.state("b"), ModelState::failed);
  expect_error(ErrorCode::model_unusable, "b.gguf", [&] { (void)small.ask("b"); });
  EXPECT_FALSE(small.ask("a").empty());
}

TEST_F(HostReloadTest, AModelThatIsDeclaredAsBeforeAndHasGoneIsItsOwnFailure) {
  plimsoll::test::TemporaryFolder folder;
  Fleet fleet = fleet_of("ab");
  const std::string copy = folder.path("b.gguf");
  std::filesystem::copy_file(fleet.models[1].request.dry_run.model.path, copy);
  fleet.models[1].request.dry_run.model.path = copy;
  for (FleetModel& one : fleet.models) one.place = "fleet.toml:1:1";
  SmallHost small(fleet);
  std::filesystem::remove(copy);
  Fleet next = fleet;
  next.models[0].pinned = true;
  const ReloadReport report = reload(small, next);
  EXPECT_TRUE(report.applied);
  ASSERT_EQ(report.reasons.size(), 1U);
  EXPECT_EQ(report.reasons[0].model, "b");
  EXPECT_TRUE(small.status("a").pinned);
  expect_error(ErrorCode::model_unusable, "b.gguf", [&] { (void)small.ask("b"); });
}

TEST_F(HostReloadTest, AnotherFileUnderTheSamePathIsAChange) {
  plimsoll::test::TemporaryFolder folder;
  Fleet fleet = fleet_of("ab");
  const std::string copy = folder.path("a.gguf");
  std::filesystem::copy_file(fleet.models[0].request.dry_run.model.path, copy);
  const std::string other = fleet.models[1].request.dry_run.model.path;
  fleet.models[0].request.dry_run.model.path = copy;
  SmallHost small(fleet);
  (void)small.ask("a");
  std::filesystem::copy_file(other, folder.path("new"));
  std::filesystem::rename(folder.path("new"), copy);
  const ReloadReport report = reload(small, fleet);
  ASSERT_EQ(report.difference.changed.size(), 1U);
  EXPECT_EQ(report.difference.changed[0].what, Names{"file"});
  EXPECT_EQ(small.ask("a"), small.ask("b"));
}

TEST_F(HostReloadTest, SmallerBudgetsMakeModelsGo) {
  Fleet fleet = fleet_of("abc");
  budget_for(fleet, 3);
  SmallHost small(fleet);
  for (const char* name : {"a", "b", "c"}) (void)small.ask(name);
  Fleet next = fleet;
  budget_for(next, 1);
  const ReloadReport report = reload(small, next);
  ASSERT_TRUE(report.applied);
  EXPECT_EQ(report.difference.settings, Names{"budgets"});
  small.settle();
  std::size_t here = 0;
  for (const ModelStatus& model : small.host.status().models) here += is_resident(model.state) ? 1U : 0U;
  EXPECT_EQ(here, 1U);
  const memory::DeviceAccount account = small.accounting.ledger().account(device::host());
  EXPECT_LE(account.committed, *account.budget);
  for (const char* name : {"a", "b", "c"}) EXPECT_FALSE(small.ask(name).empty());
  Fleet none = fleet;
  none.budgets = {{.device = device::host(), .amount = 1_MiB}};
  EXPECT_FALSE(reload(small, none).applied);  // none of them would fit
  EXPECT_EQ(*small.accounting.ledger().account(device::host()).budget, *account.budget);
}

TEST_F(HostReloadTest, AModelIsLoadedWhereItIsToBeLoadedAtTheStart) {
  SmallHost small(fleet_of("a"));
  Fleet next = fleet_of("ab");
  next.models[1].load_at_start = true;
  (void)reload(small, next);
  while (small.state("b") != ModelState::ready) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

TEST_F(HostReloadTest, AReloadThatIsStoppedChangesNothing) {
  SmallHost small(fleet_of("a"));
  std::stop_source stop;
  stop.request_stop();
  expect_error(ErrorCode::cancelled, "before anything was changed",
               [&] { (void)reload(small, fleet_of("ab"), stop.get_token()); });
  EXPECT_FALSE(small.host.has("b"));
  EXPECT_EQ(small.host.fleet()->models.size(), 1U);
  EXPECT_FALSE(small.ask("a").empty());
  EXPECT_TRUE(reload(small, fleet_of("ab")).applied);
}

TEST_F(HostReloadTest, ManyReloadsBesideManyRequests) {
  Fleet one = fleet_of("abc");
  Fleet other = fleet_of("abcd");
  other.models.erase(other.models.begin() + 1);  // without b
  model(other, "a").request.dry_run.context.n_ctx = 8192;
  budget_for(one, 2);
  other.budgets = one.budgets;
  SmallHost small(one);
  std::atomic<int> answered = 0;
  std::atomic<bool> over = false;
  {
    std::vector<std::jthread> askers;
    for (int thread = 0; thread < 3; ++thread) {
      askers.emplace_back([&, thread] {
        for (int i = thread; !over; ++i) {
          try {
            (void)small.ask(std::string(1, static_cast<char>('a' + i % 4)));
            ++answered;
          } catch (const Error& error) {
            EXPECT_EQ(error.code(), ErrorCode::usage) << error.what();  // not in the fleet now
          }
        }
      });
    }
    for (int i = 0; i < 8; ++i) {
      EXPECT_TRUE(reload(small, i % 2 == 0 ? other : one).applied);
      const int before = answered;
      while (answered < before + 3) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    over = true;
  }
  small.settle();
  for (const ModelStatus& model : small.host.status().models) EXPECT_EQ(model.leases, 0U);
  EXPECT_EQ(small.host.status().waiting, 0U);
}

}  // namespace
}  // namespace plimsoll::host::test
