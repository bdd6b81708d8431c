// Model files that change under a host: what is mapped of them is not used again, and the next load is planned anew.
#include <gtest/gtest.h>

#include <filesystem>

#include "host/host.hpp"

#include "expect_error.hpp"
#include "small_fleet.hpp"

namespace plimsoll::host::test {
namespace {

using plimsoll::test::expect_error;

// A fleet of copies, whose files a test may change.
class ChangedFileTest : public testing::Test {
 protected:
  Fleet copies(const std::string& names) {
    Fleet fleet = mapped(fleet_of(names));
    for (FleetModel& model : fleet.models) {
      std::string& path = model.request.dry_run.model.path;
      const std::string copy = folder_.path(model.request.name + ".gguf");
      std::filesystem::copy_file(path, copy);
      path = copy;
    }
    return fleet;
  }
  // Another file takes its name, as downloads do it.
  void replace(const std::string& name, const std::string& with) {
    const std::string newer = folder_.path("newer.gguf");
    std::filesystem::copy_file(with, newer);
    std::filesystem::rename(newer, folder_.path(name + ".gguf"));
  }
  static Bytes weights(const ModelStatus& model) {
    Bytes sum;
    for (const plan::Entry& entry : model.planned)
      if (entry.stage == memory::Stage::weights) sum += entry.bytes;
    return sum;
  }
  plimsoll::test::TemporaryFolder folder_;
};

TEST_F(ChangedFileTest, AFileThatIsCutFailsItsModelAloneUntilItIsWholeAgain) {
  SmallHost small(copies("ab"));
  const std::string said = small.ask("a");
  const std::string other = small.ask("b");
  const std::string whole = plimsoll::test::read_whole_file(folder_.path("a.gguf"));
  {
    Lease lease = small.host.acquire("a");
    std::filesystem::resize_file(folder_.path("a.gguf"), 8192);
    lease.conversation().prompt("Day 3.");
    run::Generation generation(lease.conversation(), {.predict = 4, .sampling = {.temperature = 0}});
    expect_error(ErrorCode::model_unusable, "was changed", [&] { (void)run::stream(generation); });
  }
  EXPECT_EQ(small.ask("b"), other);
  expect_error(ErrorCode::model_unusable, "a.gguf", [&] { (void)small.ask("a"); });  // does not load
  EXPECT_EQ(small.ask("b"), other);
  (void)folder_.write("a.gguf", whole);
  EXPECT_EQ(small.ask("a"), said);
}

TEST_F(ChangedFileTest, AFileThatCannotBeUsedAtTheStartIsItsModelsFailureUntilItIsMended) {
  Fleet fleet = copies("ab");
  fleet.models[1].pinned = true;
  fleet.models[1].load_at_start = true;
  const std::string said = alone(fleet.models[1].request, "Day 12.", 8);
  const std::string whole = plimsoll::test::read_whole_file(folder_.path("b.gguf"));
  std::filesystem::resize_file(folder_.path("b.gguf"), 8192);
  SmallHost small(fleet);
  EXPECT_EQ(small.state("b"), ModelState::failed);
  EXPECT_EQ(small.status("b").refusals, 1U);  // of its load at the start
  EXPECT_FALSE(small.ask("a").empty());
  expect_error(ErrorCode::model_unusable, "b.gguf", [&] { (void)small.ask("b"); });
  ASSERT_TRUE(small.status("b").failure);
  EXPECT_EQ(small.status("b").failure->code(), ErrorCode::model_unusable);
  EXPECT_TRUE(small.host.plans()[1].unusable);
  (void)folder_.write("b.gguf", whole);
  EXPECT_EQ(small.ask("b"), said);
  EXPECT_FALSE(small.host.plans()[1].unusable);
  EXPECT_EQ(small.status("b").slots, 2U);
  EXPECT_GT(weights(small.status("b")), 0_B);
  EXPECT_EQ(replay(small.host.log().events()).at("b"), ModelState::ready);
}

TEST_F(ChangedFileTest, WhoIsMendedComesInTheOthersPlaceWithinABudgetForOne) {
  Fleet fleet = copies("ab");
  budget_for(fleet, 1);
  const std::string whole = plimsoll::test::read_whole_file(folder_.path("b.gguf"));
  std::filesystem::resize_file(folder_.path("b.gguf"), 8192);
  SmallHost small(fleet);
  EXPECT_FALSE(small.ask("a").empty());
  (void)folder_.write("b.gguf", whole);
  EXPECT_FALSE(small.ask("b").empty());
  EXPECT_EQ(small.state("a"), ModelState::swapped);
  EXPECT_EQ(small.status("b").load_failures, 0U);
}

TEST_F(ChangedFileTest, WhereNoFileCanBeUsedThereIsNoHost) {
  const Fleet fleet = copies("ab");
  for (const char* name : {"a.gguf", "b.gguf"}) std::filesystem::remove(folder_.path(name));
  expect_error(ErrorCode::model_unusable, "a.gguf", [&] { const SmallHost small(fleet); });
}

TEST_F(ChangedFileTest, AModelWhoseDraftCannotBeUsedCannotBeUsed) {
  Fleet fleet = copies("ab");
  FleetDraft draft{.request = fleet.models[0].request};
  draft.request.name = "b-draft";
  draft.request.dry_run.model.path = folder_.path("none.gguf");
  fleet.models[1].draft = draft;
  SmallHost small(fleet);
  expect_error(ErrorCode::model_unusable, "none.gguf", [&] { (void)small.ask("b"); });
  EXPECT_FALSE(small.ask("a").empty());
}

TEST_F(ChangedFileTest, AFileThatIsWrittenToWhileItsModelIsIdleIsLoadedAnew) {
  SmallHost small(copies("ab"));
  const std::string said = small.ask("a");
  const std::string path = folder_.path("a.gguf");
  std::filesystem::last_write_time(path, std::filesystem::last_write_time(path) + std::chrono::hours(1));
  EXPECT_EQ(small.ask("a"), said);
  EXPECT_EQ(small.status("a").loads, 2U);
  EXPECT_EQ(small.ask("a"), said);
  EXPECT_EQ(small.status("a").loads, 2U);
}

TEST_F(ChangedFileTest, AFileThatIsReplacedIsPlannedAnewAtItsNextLoad) {
  Fleet fleet = copies("ab");
  const std::string as_b = alone(fleet.models[1].request, "Day 12.", 8);
  const plan::Request b = fleet.models[1].request;
  SmallHost small(std::move(fleet));
  const std::string as_a = small.ask("a");
  replace("a", b.dry_run.model.path);
  EXPECT_EQ(small.ask("a"), as_a);  // what is mapped is the file that it was
  small.host.unload("a");
  small.settle();
  EXPECT_EQ(small.ask("a"), as_b);
  EXPECT_EQ(weights(small.status("a")), weights(small.status("b")));
}

// A server plans all of its models before it has a host: minutes, in which a download may end.
TEST_F(ChangedFileTest, AFileThatIsReplacedBetweenItsPlanAndTheHostIsPlannedAnew) {
  Fleet fleet = copies("ab");
  const std::string as_b = alone(fleet.models[1].request, "Day 12.", 8);
  dry_run::LocalDryRuns dry_runs;
  plan::Store store("/dev/null/plimsoll.db");
  HostOptions options;
  options.planned = plan::Planner(dry_runs, store).plan(requests_of(fleet));
  replace("a", fleet.models[1].request.dry_run.model.path);
  SmallHost small(std::move(fleet), std::move(options));
  EXPECT_EQ(small.host.planned_files("a"), "") << "they are not those of its plan";
  EXPECT_EQ(small.ask("a"), as_b);
  EXPECT_EQ(weights(small.status("a")), weights(small.status("b")));
}

TEST_F(ChangedFileTest, AFileThatIsMendedBetweenItsPlanAndTheHostIsTriedAtOnce) {
  Fleet fleet = copies("ab");
  const std::string said = alone(fleet.models[1].request, "Day 12.", 8);
  const std::string whole = plimsoll::test::read_whole_file(folder_.path("b.gguf"));
  std::filesystem::resize_file(folder_.path("b.gguf"), 8192);
  dry_run::LocalDryRuns dry_runs;
  plan::Store store("/dev/null/plimsoll.db");
  plan::PlannerOptions planner;
  planner.skip_unusable = true;
  HostOptions options;
  options.planned = plan::Planner(dry_runs, store).plan(requests_of(fleet), planner);
  ASSERT_TRUE(options.planned->models[1].unusable);
  (void)folder_.write("b.gguf", whole);
  SmallHost small(std::move(fleet), std::move(options));
  EXPECT_EQ(small.ask("b"), said);
}

}  // namespace
}  // namespace plimsoll::host::test
