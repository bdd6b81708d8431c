// Models of a fleet in a program.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>
#include <optional>
#include <plimsoll/plimsoll.hpp>
#include <utility>
#include <vector>

#include "demo_model.hpp"
#include "expect_error.hpp"

namespace plimsoll {
namespace {

using test::expect_error;
using test::kGreedy;
using test::kModel;
using test::small;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Fleet fleet_of(const std::vector<std::pair<std::string, std::string>>& models) {
  Fleet fleet;
  for (const auto& [name, file] : models) {
    fleet.models.push_back({.path = file, .options = small()});
    fleet.models.back().options.name = name;
  }
  return fleet;
}

TEST(Hosts, LeasesOutliveTheHostsHandle) {
  const Fleet fleet = fleet_of({{"mate", kModel}, {"log", test::kOtherModel}});
  std::optional<Lease> lease;
  std::optional<Generation> answer;
  {
    const Host host(Runtime(), fleet);
    lease = host.acquire("mate");
    answer = lease->conversation().generate("Day 12.", kGreedy);
    EXPECT_TRUE(host.plan().fits());
    EXPECT_EQ(host.status().models.size(), 2U);
    expect_error(ErrorCode::usage, "", [&] { (void)host.acquire("nobody"); });
  }
  lease.reset();
  EXPECT_FALSE(answer->read_all().empty());
}

TEST(Hosts, APolicyOfOnesOwnChoosesWhoGoes) {
  Fleet fleet;
  for (const char* name : {"a", "b", "c"}) {
    ModelOptions options = small();
    options.name = name;
    options.context.n_ctx = 16384;
    fleet.models.push_back({.path = test::kOtherModel, .options = options, .compute_group = ""});
  }
  Runtime runtime;
  Bytes needed;
  for (const plan::Entry& entry :
       runtime.plan(test::kOtherModel, fleet.models.front().options).models().front().entries)
    if (entry.charged) needed += entry.bytes;
  fleet.budgets = {{.device = device::host(), .amount = needed * 2 + needed - Bytes{needed.value() / 2}}};
  const Host host(runtime, fleet, {.regret = [](const EvictionCandidate& candidate) {
                    return candidate.name == "a" ? 100.0 : 1.0;  // the oldest is missed most
                  }});
  for (const char* name : {"a", "b", "c"}) (void)host.acquire(name);
  const auto status = host.status();
  EXPECT_EQ(status.models[0].state, host::ModelState::ready);
  EXPECT_EQ(status.models[1].state, host::ModelState::swapped);
  EXPECT_EQ(status.models[2].state, host::ModelState::ready);
}

TEST(Hosts, TellEveryChangeFromTheFirstOn) {
  Fleet fleet = fleet_of({{"mate", kModel}, {"none", "/nowhere/none.gguf"}});
  fleet.models.front().load_at_start = true;
  std::mutex mutex;
  std::vector<std::pair<std::string, host::ModelState>> told;
  const Host host(Runtime(), fleet,
                  {.on_change = [&](const std::string& model, host::ModelState /*from*/, host::ModelState to) {
                    const std::lock_guard lock(mutex);
                    told.emplace_back(model, to);
                  }});
  (void)host.acquire("mate");
  const std::lock_guard lock(mutex);
  EXPECT_THAT(told,
              ElementsAre(std::pair("none", host::ModelState::failed), std::pair("mate", host::ModelState::loading),
                          std::pair("mate", host::ModelState::warming), std::pair("mate", host::ModelState::ready)));
}

// The program is found beside this one, as it would be beside an installed library.
TEST(Hosts, HaveModelsInProcessesOfTheirOwn) {
  Fleet fleet = fleet_of({{"mate", kModel}});
  fleet.models.push_back({.path = test::kOtherModel, .options = small(), .embeddings = true});
  fleet.models.back().options.name = "vectors";
  fleet.models.back().options.context.pooling = engine::Pooling::mean;
  const std::vector<std::string> texts{"Heavy seas.", "Fair wind."};
  std::string expected;
  std::vector<Embedding> vectors;
  {
    const Host here(Runtime(), fleet);
    expected = here.acquire("mate").conversation().generate("Day 12.", kGreedy).read_all();
    vectors = here.acquire("vectors").embed(texts);
    EXPECT_FALSE(here.status().models[0].process.has_value());
  }
  for (FleetModel& model : fleet.models) model.own_process = true;
  const Host host(Runtime(), fleet);
  EXPECT_EQ(host.acquire("mate").conversation().generate("Day 12.", kGreedy).read_all(), expected);
  const std::vector<Embedding> elsewhere = host.acquire("vectors").embed(texts);
  ASSERT_EQ(elsewhere.size(), 2U);
  for (std::size_t i = 0; i < 2; ++i) {
    ASSERT_EQ(elsewhere[i].values.size(), vectors[i].values.size());
    for (std::size_t at = 0; at < vectors[i].values.size(); ++at)
      EXPECT_NEAR(elsewhere[i].values[at], vectors[i].values[at], 1e-4);
  }
  const auto status = host.status();
  ASSERT_TRUE(status.models[0].process.has_value());
  EXPECT_EQ(status.models[0].process->pid, status.models[1].process->pid) << "one compute group, one process";
}

TEST(Hosts, SayWhereTheProgramOfSuchAModelIsMissing) {
  Fleet fleet = fleet_of({{"mate", kModel}});
  fleet.models.front().own_process = true;
  const Host host(Runtime(), fleet, {.program = "/nowhere/plimsoll"});
  expect_error(ErrorCode::io, "'/nowhere/plimsoll' could not be started", [&] { (void)host.acquire("mate"); });
}

TEST(Hosts, BecomeAnotherFleetWhileTheyWork) {
  const Host host(Runtime(), fleet_of({{"mate", kModel}}));
  std::optional<Lease> lease = host.acquire("mate");
  const std::string said = lease->conversation().generate("Day 12.", kGreedy).read_all();
  Fleet next = fleet_of({{"mate", kModel}, {"log", test::kOtherModel}});
  next.models.front().priority = 1;
  HostReload report = host.reload(next);
  EXPECT_TRUE(report.applied);
  EXPECT_EQ(report.added, std::vector<std::string>{"log"});
  EXPECT_EQ(report.changed, std::vector<std::string>{"mate"});
  EXPECT_THAT(report.reasons, ElementsAre());
  EXPECT_FALSE(host.acquire("log").conversation().generate("Day 12.", kGreedy).read_all().empty());
  EXPECT_EQ(host.status().models.front().loads, 1U);

  report = host.reload(fleet_of({{"log", test::kOtherModel}}));
  EXPECT_EQ(report.removed, std::vector<std::string>{"mate"});
  EXPECT_EQ(report.unchanged, std::vector<std::string>{"log"});
  expect_error(ErrorCode::usage, "no model 'mate'", [&] { (void)host.acquire("mate"); });
  lease->conversation().clear();  // whoever has it goes on
  EXPECT_EQ(lease->conversation().generate("Day 12.", kGreedy).read_all(), said);
}

TEST(Hosts, StayAsTheyAreWhereAnotherFleetCannotBe) {
  const Host host(Runtime(), fleet_of({{"mate", kModel}}));
  HostReload report = host.reload(fleet_of({{"mate", kModel}, {"none", "/nowhere/none.gguf"}}));
  EXPECT_FALSE(report.applied);
  EXPECT_THAT(report.reasons, ElementsAre(HasSubstr("models[1]")));
  report = host.reload(fleet_of({{"mate", kModel}, {"mate", kModel}}));
  EXPECT_THAT(report.reasons, ElementsAre(HasSubstr("two models are called 'mate'")));
  report = host.reload("/nowhere/fleet.toml");
  EXPECT_THAT(report.reasons, ElementsAre(HasSubstr("/nowhere/fleet.toml")));
  Fleet odd = fleet_of({{"mate", kModel}});
  odd.eviction = "mru";
  EXPECT_THAT(host.reload(odd).reasons, ElementsAre(HasSubstr("unknown eviction policy 'mru'")));
  EXPECT_EQ(host.status().models.size(), 1U);
  EXPECT_FALSE(host.acquire("mate").conversation().generate("Day 12.", kGreedy).read_all().empty());
}

TEST(Hosts, PlanWithWhatIsKnownOfAModelsBackend) {
  Fleet fleet = fleet_of({{"mate", kModel}, {"log", test::kOtherModel}});
  fleet.models.front().options.runtime = {{"CPU", Bytes{std::uint64_t{3} << 20U}}};
  const Plan plan = Host(Runtime(), fleet).plan();
  for (const PlannedModel& model : plan.models()) {
    std::vector<Bytes> given;
    for (const plan::Entry& entry : model.entries)
      if (entry.source == plan::Source::given) given.push_back(entry.bytes);
    EXPECT_EQ(given, model.name == "mate" ? std::vector{Bytes{std::uint64_t{3} << 20U}} : std::vector<Bytes>{});
  }
}

}  // namespace
}  // namespace plimsoll
