// By which policy a host's models go, and from when on somebody is told of it.
#include <gtest/gtest.h>

#include <algorithm>
#include <mutex>

#include "small_fleet.hpp"

namespace plimsoll::host::test {
namespace {

ReloadReport reload(SmallHost& small, Fleet next) {
  dry_run::LocalDryRuns dry_runs;
  plan::Store store{"/dev/null/plimsoll.db"};
  plan::Planner planner(dry_runs, store);
  next.swap.folder = small.folder.path();
  return small.host.reload([&] { return next; }, planner);
}

// Three models, two of which have room; b is dearer than the others.
Fleet three(const std::string& eviction) {
  Fleet fleet = fleet_of("abc");
  budget_for(fleet, 2);
  fleet.models[1].priority = 1;
  fleet.eviction = eviction;
  return fleet;
}

// The one that is not here, once the others have been asked in this order.
std::string gone_after(SmallHost& small, const std::string& asked) {
  for (const char name : asked) (void)small.ask(std::string(1, name));
  small.settle();
  std::string out;
  for (const ModelStatus& model : small.host.status().models) out += is_resident(model.state) ? "" : model.name;
  return out;
}

TEST(HostEvictionTest, TheFleetChoosesThePolicyAndAReloadAnotherOne) {
  SmallHost small(three("lru"));
  EXPECT_EQ(gone_after(small, "abc"), "a");
  EXPECT_EQ(gone_after(small, "a"), "b");  // as dear as it is
  EXPECT_EQ(gone_after(small, "b"), "c");
  const ReloadReport report = reload(small, three("priority"));
  ASSERT_TRUE(report.applied);
  EXPECT_EQ(report.difference.settings, std::vector<std::string>{"eviction"});
  EXPECT_TRUE(report.later.empty());
  (void)small.ask("a");  // b is idle for longest now
  EXPECT_EQ(gone_after(small, "c"), "a");
}

TEST(HostEvictionTest, APolicyOfTheProgramsOwnStaysThroughAReload) {
  struct LastName final : EvictionPolicy {
    [[nodiscard]] double regret(const Candidate& one, Clock::TimePoint /*now*/) const override {
      return 'z' - one.name.front();
    }
  };
  SmallHost small(three("lru"), {.policy = std::make_shared<LastName>()});
  EXPECT_EQ(gone_after(small, "abc"), "b");
  ASSERT_TRUE(reload(small, three("priority")).applied);
  EXPECT_EQ(gone_after(small, "b"), "c");
}

TEST(HostEvictionTest, WhoListensFromTheBeginningHearsWhatCannotBeUsedAndWhatIsLoadedAtTheStart) {
  Fleet fleet = fleet_of("ab");
  fleet.models[0].load_at_start = true;
  fleet.models[1].request.dry_run.model.path = "/nowhere/b.gguf";
  std::mutex mutex;
  std::vector<HostEvent> heard;
  SmallHost small(fleet, {.told = [&](const HostEvent& event) {
                    const std::lock_guard lock(mutex);
                    heard.push_back(event);
                  }});
  (void)small.ask("a");
  const std::lock_guard lock(mutex);
  EXPECT_EQ(heard, small.host.log().events());
  const auto moved = [&](const std::string& model, ModelState to) {
    return std::ranges::any_of(heard, [&](const HostEvent& one) { return one.model == model && one.to == to; });
  };
  EXPECT_TRUE(moved("b", ModelState::failed));
  EXPECT_TRUE(moved("a", ModelState::loading));
  EXPECT_TRUE(moved("a", ModelState::ready));
}

}  // namespace
}  // namespace plimsoll::host::test
