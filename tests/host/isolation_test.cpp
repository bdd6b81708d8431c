// Which models have a process of their own, what limits it, and what it takes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "host/fleet.hpp"
#include "host/fleet_difference.hpp"
#include "host/fleet_file.hpp"
#include "host/free_capacity.hpp"
#include "plan/process_entry.hpp"
#include "readings.hpp"
#include "reported_bytes.hpp"

namespace plimsoll::host {
namespace {

using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Fleet parsed(const std::string& text) {
  auto fleet = parse_fleet(text, ".");
  if (!fleet) throw std::runtime_error(fleet.error().front().message);
  return *fleet;
}

std::string wrong_with(const std::string& text) {
  const auto fleet = parse_fleet(text, ".");
  return fleet ? "nothing" : fleet.error().front().message;
}

TEST(IsolationTest, AModelSaysItOrTheFleetDoes) {
  const Fleet fleet = parsed(R"(
isolation = "process"
max-decode-time = "30s"
most-deaths = 0
[[model]]
path = "a.gguf"
process-memory = "2GiB"
[[model]]
path = "b.gguf"
isolation = "none"
[[model]]
path = "c.gguf"
compute-group = "own"
max-decode-time = "500ms"
most-deaths = 3
)");
  const Isolation& a = fleet.models[0].isolation;
  EXPECT_TRUE(a.is_wanted());
  EXPECT_EQ(a.most_decode_time, milliseconds(30'000));
  EXPECT_EQ(a.most_deaths, 0U);
  EXPECT_EQ(a.most_host_memory, 2_GiB);
  EXPECT_EQ(fleet.models[0].request.compute_group, kIsolatedGroup);
  EXPECT_FALSE(fleet.models[1].isolation.is_wanted());
  EXPECT_EQ(fleet.models[1].request.compute_group, kDefaultGroup);
  EXPECT_EQ(fleet.models[2].isolation.most_decode_time, milliseconds(500));
  EXPECT_EQ(fleet.models[2].isolation.most_deaths, 3U);
  EXPECT_EQ(fleet.models[2].request.compute_group, "own");
  EXPECT_THAT(isolated_owners(fleet), ElementsAre("a", "c", "group:isolated", "group:own"));
}

TEST(IsolationTest, WhoSaysItLaterSpeaksForThoseThatSaidNothing) {
  Fleet fleet = parsed("[[model]]\npath = \"a.gguf\"\n[[model]]\npath = \"b.gguf\"\nisolation = \"none\"\n");
  EXPECT_FALSE(fleet.models[0].isolation.is_wanted());
  fleet.isolation.own_process = true;
  settle_isolation(fleet);
  EXPECT_TRUE(fleet.models[0].isolation.is_wanted());
  EXPECT_FALSE(fleet.models[1].isolation.is_wanted());
  EXPECT_THAT(contradictions(fleet), IsEmpty());
}

TEST(IsolationTest, WhatMeansNothingIsSaid) {
  const std::string model = "[[model]]\npath = \"a.gguf\"\n";
  EXPECT_THAT(wrong_with(model + "isolation = \"thread\""), HasSubstr("it takes process or none"));
  EXPECT_THAT(wrong_with(model + "max-decode-time = \"soon\""), HasSubstr("max-decode-time"));
  EXPECT_THAT(wrong_with(model + "process-memory = \"much\""), HasSubstr("process-memory"));
  EXPECT_THAT(wrong_with(model + "most-deaths = \"few\""), HasSubstr("most-deaths"));
  EXPECT_THAT(wrong_with("isolation = 5\n" + model), HasSubstr("isolation"));
  const std::string of_one = "compute-group = \"one\"\n";
  const std::string other = "[[model]]\npath = \"b.gguf\"\n" + of_one;
  EXPECT_THAT(wrong_with(model + of_one + "isolation = \"process\"\n" + other), HasSubstr("a whole group"));
  EXPECT_THAT(wrong_with(model + of_one + "isolation = \"process\"\n" + other +
                         "isolation = \"process\"\nmax-decode-time = \"1s\""),
              HasSubstr("other limits"));
}

TEST(IsolationTest, AnotherIsolationLoadsTheModelAnew) {
  const Fleet before = parsed("[[model]]\npath = \"a.gguf\"\n");
  const Fleet after = parsed("[[model]]\npath = \"a.gguf\"\nisolation = \"process\"\n");
  const FleetDifference difference = difference_of(before, after);
  ASSERT_EQ(difference.changed.size(), 1U);
  EXPECT_TRUE(difference.changed[0].reloads);
  EXPECT_THAT(difference.changed[0].what, Contains("isolation"));
}

plan::ModelPlan plan_of(const std::string& name, const std::string& group) {
  plan::ModelPlan out{.name = name, .request = {}, .dry_run = {}, .entries = {}, .compute_group = group};
  out.entries.push_back(
      {.device = device::host(), .buffer = "CPU", .stage = memory::Stage::weights, .bytes = 1_GiB, .charged = true});
  return out;
}

TEST(IsolationTest, AProcessIsCountedOnceForItsComputeGroup) {
  const Fleet fleet = parsed("isolation = \"process\"\n[[model]]\npath = \"a.gguf\"\n[[model]]\npath = \"b.gguf\"\n");
  std::vector<plan::ModelPlan> plans{plan_of("a", kIsolatedGroup), plan_of("b", kIsolatedGroup)};
  add_processes(fleet, plans);
  add_processes(fleet, plans);  // is there already
  const Bytes process = plan::required_on(device::host(), {plans[0]}) - 1_GiB;
  EXPECT_GT(process, 0_B);
  EXPECT_EQ(plan::required_on(device::host(), plans), 2_GiB + process);
  plan::DeviceState host;
  host.info.id = device::host();
  host.info.memory_is_hosts = true;
  const FreeCapacity capacity(plans, {host});
  const auto of_group = capacity.compute_buffers_of_group(kIsolatedGroup);
  ASSERT_EQ(of_group.size(), 1U);
  EXPECT_EQ(of_group[0].tag.buffer, plan::kProcessBuffer);
  EXPECT_EQ(of_group[0].tag.stage, memory::Stage::runtime);
  EXPECT_EQ(of_group[0].bytes, process);
  EXPECT_THAT(explain_processes(fleet), ElementsAre(HasSubstr("a, b compute in a process of their own")));
}

TEST(ReportedBytesTest, WhatAnotherProcessTakesStandsInTheLedgerUntilItEnds) {
  memory::Ledger ledger;
  ledger.set_budget(device::host(), 100_MiB);
  const memory::Tag tag{.device = device::host(), .owner = "m", .stage = memory::Stage::weights, .buffer = "CPU"};
  {
    ReportedBytes bytes(ledger, "m", {{.tag = tag, .bytes = 40_MiB}});
    EXPECT_EQ(ledger.account(device::host()).committed, 40_MiB);
    EXPECT_EQ(ledger.account(device::host()).taken, 0_B);
    memory::Entry held;
    held.tag = tag;
    held.planned = held.taken.current = 50_MiB;
    bytes.report({held});
    bytes.report({held});
    EXPECT_EQ(ledger.account(device::host()).committed, 50_MiB);
    EXPECT_EQ(ledger.account(device::host()).taken, 50_MiB);
    held.planned = held.taken.current = 101_MiB;
    EXPECT_THROW(bytes.report({held}), memory::Refused);
  }
  EXPECT_TRUE(ledger.empty());
  EXPECT_THROW(ReportedBytes(ledger, "m", {{.tag = tag, .bytes = 101_MiB}}), memory::Refused);
}

TEST(IsolationReadingsTest, WhatLiesInAnotherProcessIsAllThereAndComesBack) {
  std::vector<memory::Entry> entries(2);
  entries[0].tag = {.device = device::host(), .owner = "here", .stage = memory::Stage::weights, .buffer = "CPU"};
  entries[1].tag = {.device = device::host(), .owner = "there", .stage = memory::Stage::runtime, .buffer = "CPU"};
  for (memory::Entry& entry : entries) entry.planned = entry.taken.current = 8_GiB;
  plan::DeviceState host;
  host.info.id = device::host();
  host.info.memory_is_hosts = true;
  host.reading.total = 64_GiB;
  host.reading.free = 40_GiB;
  host.reading.used_by_us = 4_GiB;  // of the 8 here half was touched
  const Accounting accounting{.entries = entries,
                              .is_fleets = [](const std::string&) { return true; },
                              .has_gone = [](const std::string&) { return false; },
                              .is_elsewhere = [](const std::string& owner) { return owner == "there"; }};
  EXPECT_EQ(touched(accounting, {host}), 0.5);
  const Moment moment = moment_of(accounting, {host});
  ASSERT_EQ(moment.holdings.size(), 2U);
  EXPECT_EQ(moment.holdings[0].comes_back, 4_GiB);
  EXPECT_EQ(moment.holdings[1].comes_back, 8_GiB) << "also what a backend took there";
  EXPECT_EQ(with_ours_set_aside(accounting, {host})[0].reading.free, 40_GiB + 4_GiB + 8_GiB);
}

TEST(IsolationTest, WhatMayComputeOnAnotherMachineHasAProcessWhateverItSays) {
  const Fleet fleet = parsed(R"(
rpc = ["127.0.0.1:50052"]
[[model]]
path = "anywhere.gguf"
isolation = "none"
[[model]]
path = "there.gguf"
device = "RPC0,Vulkan0"
[[model]]
path = "here.gguf"
device = "Vulkan0"
[[model]]
path = "nowhere.gguf"
device = "none"
)");
  EXPECT_THAT(fleet.rpc, ElementsAre(device::RpcAddress{"127.0.0.1", 50052}));
  for (const std::size_t remote : {0U, 1U}) {
    EXPECT_TRUE(fleet.models[remote].isolation.is_wanted());
    EXPECT_TRUE(fleet.models[remote].isolation.is_remote);
    EXPECT_EQ(fleet.models[remote].request.compute_group, kIsolatedGroup);
  }
  for (const std::size_t local : {2U, 3U}) {
    EXPECT_FALSE(fleet.models[local].isolation.is_wanted());
    EXPECT_EQ(fleet.models[local].request.compute_group, kDefaultGroup);
  }
  EXPECT_THAT(contradictions(fleet), IsEmpty());
  EXPECT_THAT(explain_processes(fleet),
              Contains(AllOf(HasSubstr("anywhere, there may compute on devices of 127.0.0.1:50052"),
                             HasSubstr("one process of its own"))));
  EXPECT_THAT(explain_processes(parsed("[[model]]\npath = \"a.gguf\"\n")), IsEmpty());
}

TEST(IsolationTest, OneProcessComputesOnOtherMachinesAlone) {
  const std::string two = R"(
rpc = ["127.0.0.1:50052"]
[[model]]
path = "a.gguf"
[[model]]
path = "b.gguf"
compute-group = ")";
  EXPECT_THAT(wrong_with(two + "own\"\n"), HasSubstr("serve one process at a time"));
  EXPECT_THAT(wrong_with(two + "\"\n"), HasSubstr("serve one process at a time"));
  EXPECT_THAT(contradictions(parsed(two + "isolated\"\n")), IsEmpty());
  EXPECT_THAT(contradictions(parsed(two + "own\"\ndevice = \"none\"\n")), IsEmpty());
}

TEST(IsolationTest, ServersAreReadWithTheirPlace) {
  EXPECT_THAT(wrong_with("rpc = [\"10.0.0.2\"]\n[[model]]\npath = \"a.gguf\"\n"), HasSubstr("HOST:PORT"));
  EXPECT_THAT(wrong_with("rpc = [\"a:1\", \"a:1\"]\n[[model]]\npath = \"a.gguf\"\n"), HasSubstr("named twice"));
  EXPECT_TRUE(parsed("rpc-insecure = true\n[[model]]\npath = \"a.gguf\"\n").rpc_insecure);
}

}  // namespace
}  // namespace plimsoll::host
