// ProbeChain's merging, and what every probe promises.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <vector>

#include "device/registry.hpp"
#include "engine/backend.hpp"

#include "fake_machine.hpp"
#include "find_device.hpp"
#include "manual_clock.hpp"
#include "nvml.hpp"
#include "probes.hpp"

namespace plimsoll::device {
namespace {

class FakeProbe final : public Probe {
 public:
  explicit FakeProbe(std::optional<MemoryReading> reading) : reading_(std::move(reading)) {}
  [[nodiscard]] std::string_view name() const noexcept override { return "fake"; }
  [[nodiscard]] std::optional<MemoryReading> read(const DeviceInfo&) const override { return reading_; }

 private:
  std::optional<MemoryReading> reading_;
};

MemoryReading reading(const std::string& source, std::optional<Bytes> total, std::optional<Bytes> free,
                      std::optional<Bytes> ours) {
  return {.total = total, .free = free, .used_by_us = ours, .source = source, .taken_at = Clock::TimePoint{}};
}

std::optional<MemoryReading> merged(const std::vector<std::optional<MemoryReading>>& readings) {
  std::vector<std::unique_ptr<Probe>> probes;
  for (const auto& one : readings) probes.push_back(std::make_unique<FakeProbe>(one));
  return ProbeChain(std::move(probes)).read(host_device());
}

TEST(ProbeChainTest, TheFirstThatKnowsAFieldWinsAndEverySourceIsNamed) {
  const auto all = merged(
      {std::nullopt, reading("a", {}, {}, 5_B), reading("b", 100_B, 40_B, 6_B), reading("c", 200_B, 150_B, 7_B)});
  ASSERT_TRUE(all);
  EXPECT_EQ(all->used_by_us, 5_B);
  EXPECT_EQ(all->total, 100_B);
  EXPECT_EQ(all->free, 40_B);
  EXPECT_EQ(all->source, "a+b");
}

TEST(ProbeChainTest, TotalAndFreeComeFromOneProbe) {
  const auto all = merged({reading("a", 100_B, {}, {}), reading("b", 200_B, 150_B, {})});
  ASSERT_TRUE(all);
  EXPECT_EQ(all->total, 100_B);
  EXPECT_FALSE(all->free);
  EXPECT_EQ(all->source, "a");
}

class CostlyProbe final : public Probe {
 public:
  explicit CostlyProbe(int& asked) : asked_(asked) {}
  [[nodiscard]] std::string_view name() const noexcept override { return "costly"; }
  [[nodiscard]] bool makes_context(const DeviceInfo&) const noexcept override { return true; }
  [[nodiscard]] std::optional<MemoryReading> read(const DeviceInfo&) const override {
    ++asked_;
    return reading("costly", 7_B, 6_B, {});
  }

 private:
  int& asked_;
};

TEST(ProbeChainTest, OneThatMakesAContextIsAskedOnlyWhereNobodyElseKnowsTheTotal) {
  int asked = 0;
  const auto chain = [&](std::optional<MemoryReading> first) {
    std::vector<std::unique_ptr<Probe>> probes;
    probes.push_back(std::make_unique<FakeProbe>(std::move(first)));
    probes.push_back(std::make_unique<CostlyProbe>(asked));
    return ProbeChain(std::move(probes)).read(host_device());
  };
  EXPECT_EQ(chain(reading("a", 100_B, 40_B, {}))->total, 100_B);
  EXPECT_EQ(asked, 0);
  const auto without = chain(reading("a", {}, {}, 3_B));
  EXPECT_EQ(asked, 1);
  EXPECT_EQ(without->total, 7_B);
  EXPECT_EQ(without->source, "a+costly");
  EXPECT_EQ(without->own_source, "a");
}

// "Not listed" is an answer about the process: what a later probe says of it is another probe's.
TEST(ProbeChainTest, AProbeThatDoesNotListUsAnswersForTheProcess) {
  MemoryReading unlisted = reading("a", 100_B, 40_B, {});
  unlisted.unlisted = true;
  const auto all = merged({unlisted, reading("b", {}, {}, 5_B)});
  ASSERT_TRUE(all);
  EXPECT_TRUE(all->unlisted);
  EXPECT_FALSE(all->used_by_us);
  EXPECT_EQ(all->source, "a");
}

TEST(ProbeChainTest, IsEmptyWhereNobodyKnowsAnything) {
  EXPECT_FALSE(merged({}));
  EXPECT_FALSE(merged({std::nullopt, std::nullopt}));
  EXPECT_FALSE(merged({reading("a", {}, {}, {})}));
}

TEST(ProbeChainTest, OfThisMachineReadsTheHost) {
  const SystemClock clock;
  const auto probes = make_system_probes(clock);
  EXPECT_EQ(probes->probes().size(), 6U);
  const auto host = probes->read(host_device());
  ASSERT_TRUE(host);
  EXPECT_GT(host->total.value_or(0_B), 0_B);
  EXPECT_GT(host->used_by_us.value_or(0_B), 0_B);
}

// Every probe of this project, on a machine where it has something to say and with the device it says it of.
struct Subject {
  std::string name;
  std::function<std::unique_ptr<Probe>(const Clock&, const FakeMachine&)> make;
  DeviceInfo device;
};

void PrintTo(const Subject& subject, std::ostream* out) { *out << subject.name; }

std::vector<Subject> subjects() {
  const DeviceInfo gpu = card("0000:03:00.0");
  return {
      {"meminfo",
       [](const Clock& clock, const FakeMachine& files) { return std::make_unique<MeminfoProbe>(clock, files.proc()); },
       host_device()},
      {"cgroup",
       [](const Clock& clock, const FakeMachine& files) {
         return std::make_unique<CgroupProbe>(clock, files.proc(), files.cgroup());
       },
       host_device()},
      {"process",
       [](const Clock& clock, const FakeMachine& files) { return std::make_unique<ProcessProbe>(clock, files.proc()); },
       host_device()},
      {"amdgpu",
       [](const Clock& clock, const FakeMachine& files) {
         return std::make_unique<AmdgpuProbe>(clock, files.sys(), files.proc());
       },
       gpu},
      {"nvml",
       [](const Clock& clock, const FakeMachine&) {
         return std::make_unique<NvmlProbe>(
             clock,
             NvmlFunctions{.init = [] { return 0; },
                           .device_by_pci_id = [](const char* pci,
                                                  void**) { return std::string_view(pci) == "0000:03:00.0" ? 0 : 6; },
                           .memory_info =
                               [](void*, NvmlMemory* memory) {
                                 *memory = {.total = 1000, .free = 600, .used = 400};
                                 return 0;
                               },
                           .compute_processes = nullptr});
       },
       gpu},
      {"ggml",
       [](const Clock& clock, const FakeMachine&) {
         engine::start_backends();
         return std::make_unique<GgmlProbe>(clock);
       },
       host_device()},
      {"chain",
       [](const Clock& clock, const FakeMachine& files) {
         std::vector<std::unique_ptr<Probe>> probes;
         probes.push_back(std::make_unique<ProcessProbe>(clock, files.proc()));
         probes.push_back(std::make_unique<MeminfoProbe>(clock, files.proc()));
         return std::make_unique<ProbeChain>(std::move(probes));
       },
       host_device()},
  };
}

class ProbeTest : public ::testing::TestWithParam<Subject> {
 protected:
  ProbeTest() {
    machine.meminfo_kib(1000, 400);
    machine.write("proc/self/status", "RssAnon: 100 kB\nRssShmem: 20 kB\n");
    machine.write("proc/self/cgroup", "0::/a\n");
    machine.group("a", "500000", "490000");
    machine.amd_card("card0", "0000:03:00.0", "1000", "1001");  // a moment's rounding: more used than there is
    clock.advance(std::chrono::hours(5));
    probe = GetParam().make(clock, machine);
  }
  FakeMachine machine;
  test::ManualClock clock;
  std::unique_ptr<Probe> probe;
};

TEST_P(ProbeTest, AReadingNamesItsSourceAndItsMoment) {
  EXPECT_EQ(probe->name(), GetParam().name);
  const auto reading = probe->read(GetParam().device);
  ASSERT_TRUE(reading);
  EXPECT_EQ(reading->source, GetParam().name == "chain" ? "process+meminfo" : GetParam().name);
  EXPECT_EQ(reading->taken_at, clock.now());
  EXPECT_TRUE(reading->total || reading->used_by_us);
}

TEST_P(ProbeTest, NoMoreIsFreeThanThereIsAndNoTotalIsZero) {
  const auto reading = probe->read(GetParam().device);
  ASSERT_TRUE(reading);
  EXPECT_GT(reading->total.value_or(1_B), 0_B);
  if (reading->free) {
    ASSERT_TRUE(reading->total);
    EXPECT_LE(*reading->free, *reading->total);
  }
}

TEST_P(ProbeTest, SaysNothingOfADeviceItDoesNotKnow) {
  DeviceInfo stranger = card("ffff:ff:1f.7");
  stranger.id = DeviceId{"Nowhere9"};
  EXPECT_FALSE(probe->read(stranger));
}

INSTANTIATE_TEST_SUITE_P(All, ProbeTest, ::testing::ValuesIn(subjects()),
                         [](const auto& subject) { return subject.param.name; });

TEST(RegistryTest, TheHostIsAmongTheDevicesAndSaysSo) {
  engine::start_backends();
  const auto host = test::find_device("CPU");
  ASSERT_TRUE(host);
  EXPECT_TRUE(host->memory_is_hosts);
  EXPECT_TRUE(host->id.is_host());
  EXPECT_EQ(host->type, DeviceType::cpu);
  EXPECT_FALSE(test::find_device("Nowhere9"));
}

}  // namespace
}  // namespace plimsoll::device
