// Scripted devices: what the watch says of one sample after the other.
#include "monitor/watch.hpp"

#include <gtest/gtest.h>

#include "scripted_sample.hpp"

namespace plimsoll::monitor {
namespace {

using test::gpu;
using test::observed;

// Everything quiet: half the budget ours, nothing foreign to speak of, no seal broken.
Observed quiet() {
  Observed out = observed();
  out.seals.clear();
  return out;
}

std::vector<Alert> look(Watch& watch, const Observed& observed) { return watch.look(sample_of(observed)); }

std::vector<Alert> of_kind(const std::vector<Alert>& alerts, AlertKind kind) {
  std::vector<Alert> out;
  for (const Alert& alert : alerts) {
    if (alert.kind == kind) out.push_back(alert);
  }
  return out;
}

std::uint64_t number(const Alert& alert, const std::string& name) {
  for (const auto& [at, value] : alert.numbers) {
    if (at == name) return value;
  }
  throw std::out_of_range(name);
}

TEST(WatchTest, QuietIsQuiet) {
  Watch watch;
  EXPECT_TRUE(look(watch, quiet()).empty());
  EXPECT_TRUE(look(watch, quiet()).empty());
}

TEST(WatchTest, OurBytesReachingALevelAreSaidOnceAndSoIsTheWayBack) {
  Watch watch;
  Observed full = quiet();
  full.devices[0].account.committed = 6_GiB;  // 85.7 % of 7 GiB
  full.devices[0].account.taken = 6_GiB;
  full.devices[0].reading->free = 2_GiB;  // all use: the same
  const auto alerts = look(watch, full);
  ASSERT_EQ(alerts.size(), 2U);
  EXPECT_EQ(alerts[0].kind, AlertKind::threshold);
  EXPECT_EQ(alerts[0].severity, Severity::warning);
  EXPECT_EQ(alerts[0].device, "Vulkan0");
  EXPECT_EQ(number(alerts[0], "used"), (6_GiB).value());
  EXPECT_EQ(alerts[0].sentence, "Vulkan0: our models have 6.00 GiB of the budget's 7.00 GiB (86 %), below -> warn");
  EXPECT_EQ(alerts[1].sentence,
            "Vulkan0: all programs together use 6.00 GiB of the budget's 7.00 GiB (86 %), below -> warn");
  EXPECT_TRUE(look(watch, full).empty());
  const auto back = of_kind(look(watch, quiet()), AlertKind::threshold);
  ASSERT_EQ(back.size(), 2U);
  EXPECT_EQ(back[0].severity, Severity::notice);
}

TEST(WatchTest, AtTheBudgetIsSerious) {
  Watch watch;
  Observed full = quiet();
  full.devices[0].account.committed = 7_GiB;
  EXPECT_EQ(look(watch, full).at(0).severity, Severity::serious);
}

TEST(WatchTest, AmountsThatDifferNeverLookAlike) {
  Watch watch;
  Observed full = quiet();
  full.devices[0].account.committed = 7_GiB - 1_B;
  EXPECT_EQ(look(watch, full).at(0).sentence,
            "Vulkan0: our models have 7516192767 bytes of the budget's 7516192768 bytes (100 %), below -> high");
}

TEST(WatchTest, ABudgetOnHostMemoryIsForOursAlone) {
  Watch watch;
  Observed input = quiet();
  input.devices[0].info.memory_is_hosts = true;
  input.devices[0].account.budget = 4_GiB;
  input.devices[0].reading->free = 2_GiB;  // the machine uses 6 GiB
  EXPECT_TRUE(of_kind(look(watch, input), AlertKind::threshold).empty());
}

TEST(WatchTest, ForeignMemoryThatEatsWhatIsPromisedIsSaidOncePerEpisode) {
  Watch watch;  // 1 GiB is reserved and not taken yet
  Observed input = quiet();
  const auto free = [&](Bytes bytes) {
    input.devices[0].reading->free = bytes;
    return of_kind(look(watch, input), AlertKind::foreign);
  };
  EXPECT_TRUE(free(1_GiB + 64_MiB).empty());
  const auto near = free(1_GiB + 63_MiB);
  ASSERT_EQ(near.size(), 1U);
  EXPECT_EQ(near[0].severity, Severity::warning);
  EXPECT_EQ(number(near[0], "promised"), (1_GiB).value());
  EXPECT_EQ(number(near[0], "foreign"), (5_GiB - 63_MiB).value());
  EXPECT_TRUE(free(1_GiB + 100_MiB).empty());
  EXPECT_TRUE(free(1_GiB).empty()) << "not free enough in between";
  EXPECT_TRUE(free(1_GiB + 128_MiB).empty());
  const auto over = free(1_GiB - 1_MiB);
  ASSERT_EQ(over.size(), 1U);
  EXPECT_EQ(over[0].severity, Severity::serious);
}

TEST(WatchTest, NothingIsSaidOfADeviceWhoseFreeMemoryIsUnknown) {
  Watch watch;
  Observed input = quiet();
  input.devices[0].reading.reset();
  EXPECT_TRUE(look(watch, input).empty());
  EXPECT_TRUE(watch.lowest_free().empty());
}

TEST(WatchTest, GrowthBeyondTheLedgerIsDrift) {
  Watch watch;
  Observed input = quiet();
  const auto process = [&](Bytes bytes) {
    input.devices[0] = gpu(5_GiB, bytes);
    return of_kind(look(watch, input), AlertKind::drift);
  };
  EXPECT_TRUE(process(2_GiB + 100_MiB).empty());  // where it starts from
  EXPECT_TRUE(process(2_GiB + 163_MiB).empty());
  const auto grown = process(2_GiB + 164_MiB);
  ASSERT_EQ(grown.size(), 1U);
  EXPECT_EQ(number(grown[0], "beyond_ledger"), (164_MiB).value());
  EXPECT_EQ(number(grown[0], "before"), (100_MiB).value());
  EXPECT_TRUE(process(2_GiB + 200_MiB).empty());  // counted from the last one said
  EXPECT_EQ(process(2_GiB + 228_MiB).size(), 1U);
}

TEST(WatchTest, DriftIsCountedAnewAfterAModelMoved) {
  Watch watch;
  Observed input = quiet();
  const auto drift = [&](Bytes process) {
    input.devices[0] = gpu(5_GiB, process);
    return of_kind(look(watch, input), AlertKind::drift).size();
  };
  EXPECT_EQ(drift(2_GiB), 0U);
  input.status.models[1].state = host::ModelState::loading;
  EXPECT_EQ(drift(3_GiB), 0U);
  input.status.models[1].state = host::ModelState::ready;
  EXPECT_EQ(drift(3_GiB), 0U);
  EXPECT_EQ(drift(3_GiB + 64_MiB), 1U);
}

TEST(WatchTest, SwappedOutConversationsAreNoDrift) {
  Watch watch;
  Observed input = quiet();
  input.devices[1].reading =
      device::MemoryReading{.total = 16_GiB, .free = 8_GiB, .used_by_us = 100_MiB, .source = "scripted"};
  EXPECT_TRUE(look(watch, input).empty());
  input.devices[1].reading->used_by_us = 300_MiB;
  input.devices[1].account.taken += 200_MiB;
  EXPECT_TRUE(look(watch, input).empty());
}

TEST(WatchTest, AllocationsAfterTheSealAreCountedByTheirRise) {
  Watch watch;
  Observed input = quiet();
  input.seals["chat"] = {.allocations_after_seal = 2};
  const auto first = of_kind(look(watch, input), AlertKind::seal);
  ASSERT_EQ(first.size(), 1U);
  EXPECT_EQ(first[0].model, "chat");
  EXPECT_EQ(first[0].severity, Severity::warning);
  EXPECT_TRUE(look(watch, input).empty());
  input.seals["chat"].refused_after_seal = 3;
  input.seals["group:main"].allocations_after_seal = 1;
  const auto more = of_kind(look(watch, input), AlertKind::seal);
  ASSERT_EQ(more.size(), 2U);
  EXPECT_EQ(more[0].severity, Severity::serious);
  EXPECT_EQ(number(more[0], "allocations_after_seal"), 0U);
  EXPECT_EQ(number(more[0], "refused_after_seal"), 3U);
  EXPECT_EQ(more[1].model, "group:main");
}

TEST(WatchTest, TheLowestFreeMemoryIsKeptAndSaidInSteps) {
  Watch watch;  // 1 % of 8 GiB is more than 64 MiB
  Observed input = quiet();
  const auto free = [&](Bytes bytes) {
    input.devices[0].reading->free = bytes;
    return of_kind(look(watch, input), AlertKind::low_water).size();
  };
  EXPECT_EQ(free(5_GiB), 0U);
  EXPECT_EQ(free(5_GiB - 64_MiB), 0U);
  EXPECT_EQ(watch.lowest_free().at("Vulkan0"), 5_GiB - 64_MiB);
  EXPECT_EQ(free(5_GiB - 82_MiB), 1U);
  EXPECT_EQ(free(6_GiB), 0U);
  EXPECT_EQ(free(5_GiB - 83_MiB), 0U);
  EXPECT_EQ(free(4_GiB), 1U);
  EXPECT_EQ(watch.lowest_free().at("Vulkan0"), 4_GiB);
}

// CUDA0 and Vulkan0 of one card, as a host with both backends has them.
Observed card_of_two_backends(Bytes free) {
  Observed out = quiet();
  out.devices[0] = gpu(free);
  ObservedDevice again = out.devices[0];
  again.info.id = device::DeviceId{"Vulkan9"};
  again.info.same_memory_as = out.devices[0].info.id;
  out.devices.insert(out.devices.begin() + 1, again);
  return out;
}

TEST(WatchTest, ACardOfTwoBackendsIsLookedAtOnce) {
  Watch watch;
  EXPECT_TRUE(look(watch, card_of_two_backends(5_GiB)).empty());
  const auto alerts = look(watch, card_of_two_backends(512_MiB));
  EXPECT_EQ(of_kind(alerts, AlertKind::low_water).size(), 1U);
  EXPECT_EQ(of_kind(alerts, AlertKind::threshold).size(), 1U);  // all programs together
  EXPECT_EQ(of_kind(alerts, AlertKind::foreign).size(), 1U);
  EXPECT_EQ(watch.lowest_free().size(), 1U);
}

}  // namespace
}  // namespace plimsoll::monitor
