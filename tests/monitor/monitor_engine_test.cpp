// The monitor beside a host with real models on the CPU.
#include "monitor/monitor.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <malloc.h>

#include <atomic>
#include <ctime>
#include <stdexcept>

#include "base/log.hpp"
#include "monitor/prometheus.hpp"

#include "small_fleet.hpp"

namespace plimsoll::monitor {
namespace {

using host::test::budget_for;
using host::test::fleet_of;
using host::test::SmallHost;
using ::testing::Contains;
using ::testing::HasSubstr;

MonitorOptions by_hand(std::function<void(const Alert&)> on_alert = {}) {
  return {.beat = std::chrono::milliseconds(0), .on_alert = std::move(on_alert)};
}

const DeviceSample& cpu(const Sample& sample) {
  for (const DeviceSample& device : sample.devices) {
    if (device.device == "CPU") return device;
  }
  throw std::out_of_range("no CPU");
}

TEST(MonitorTest, ASampleSaysWhatTheLedgerSays) {
  host::Fleet fleet = fleet_of("ab");
  budget_for(fleet, 2);
  SmallHost small(fleet);
  (void)small.ask("a");
  const Sample sample = take_sample(small.host);
  const DeviceSample& device = cpu(sample);
  const memory::DeviceAccount account = small.accounting.ledger().account(device::host());
  EXPECT_EQ(device.budget, account.budget);
  EXPECT_EQ(device.taken, account.taken);
  EXPECT_EQ(device.committed, account.committed);
  ASSERT_TRUE(device.total && device.free && device.process && device.foreign);
  EXPECT_LT(*device.free, *device.total);
  EXPECT_LE(*device.foreign + *device.process, *device.total - *device.free + 1_MiB);

  Bytes taken;
  for (const ModelSample& model : sample.models) taken += taken_by(model.memory);
  for (const OwnerSample& owner : sample.others) taken += taken_by(owner);
  EXPECT_EQ(taken, account.taken);  // nothing of it is nobody's
  EXPECT_GT(sample.models[0].status.tokens, 0U);
  EXPECT_EQ(taken_by(sample.models[1].memory), Bytes{});
}

TEST(MonitorTest, ABudgetThatFillsUpIsAnAlertACountAndALogLine) {
  host::Fleet fleet = fleet_of("a");
  budget_for(fleet, 1);
  fleet.thresholds = {.warn = 0.5, .high = 0.99};
  SmallHost small(fleet);
  std::vector<std::string> logged;
  std::vector<Alert> told;
  log::set_sink([&](log::Level level, std::string_view component, std::string_view message) {
    if (component == "monitor" && level == log::Level::warn) logged.emplace_back(message);
  });
  Monitor monitor(small.host, by_hand([&](const Alert& alert) { told.push_back(alert); }));
  (void)monitor.sample_now();
  EXPECT_TRUE(told.empty());
  (void)small.ask("a");
  (void)monitor.sample_now();
  log::set_sink({});
  ASSERT_FALSE(told.empty());
  EXPECT_EQ(told.front().kind, AlertKind::threshold);
  EXPECT_EQ(told.front().device, "CPU");
  EXPECT_THAT(logged, Contains(told.front().sentence));
  EXPECT_EQ(monitor.counters().alerts.at(AlertKind::threshold), 1U);
  EXPECT_EQ(monitor.counters().samples, 2U);
  EXPECT_THAT(to_prometheus(*monitor.latest(), monitor.counters(), small.host.times()),
              HasSubstr("plimsoll_alerts_total{kind=\"threshold\"} 1\n"));
}

TEST(MonitorTest, ASealThatIsBrokenIsSeen) {
  SmallHost small(fleet_of("a"));
  (void)small.ask("a");
  Monitor monitor(small.host, by_hand());
  (void)monitor.sample_now();
  EXPECT_FALSE(monitor.counters().alerts.contains(AlertKind::seal));
  const memory::Tag tag{.device = device::host(), .owner = "a", .stage = memory::Stage::compute, .buffer = "CPU"};
  small.accounting.seal().record({.tag = tag, .bytes = 1_MiB, .refused = true});
  (void)monitor.sample_now();
  EXPECT_EQ(monitor.counters().alerts.at(AlertKind::seal), 1U);
  EXPECT_EQ(monitor.alerts().back().model, "a");
}

// By their number, not by their time: a clock may be set back.
TEST(MonitorTest, WhoFollowsAlertsMissesNoneAndHearsNoneTwice) {
  Clock::TimePoint now = Clock::TimePoint(std::chrono::hours(1000));
  memory::Ledger ledger;
  Monitor monitor({.take_sample =
                       [&] {
                         Sample sample;
                         sample.at = now;
                         DeviceSample& host = sample.devices.emplace_back();
                         host.device = "CPU";
                         host.budget = host.committed = 2_GiB;
                         return sample;
                       },
                   .thresholds = {.warn = 0.5, .high = 0.9},
                   .ledger = ledger},
                  {.beat = {}, .alerts = 2});
  std::uint64_t heard = 0;
  double warn = 0.5;
  const auto alert = [&] {
    monitor.set_thresholds({.warn = warn += 0.01, .high = 0.9});  // levels of other thresholds count as new
    (void)monitor.sample_now();
  };
  alert();
  EXPECT_EQ(monitor.alerts_after(heard).size(), 1U);
  EXPECT_TRUE(monitor.alerts_after(heard).empty());
  now -= std::chrono::hours(1);
  alert();
  const std::vector<Alert> later = monitor.alerts_after(heard);
  ASSERT_EQ(later.size(), 1U);
  EXPECT_EQ(later.front().at, now);
  for (int i = 0; i < 3; ++i) alert();
  EXPECT_EQ(monitor.alerts_after(heard).size(), 2U) << "as far as they are kept";
  EXPECT_EQ(heard, 5U);
}

TEST(MonitorTest, AnsweringIsNoDrift) {
  SmallHost small(fleet_of("ab"));
  Monitor monitor(small.host, by_hand());
  for (int i = 0; i < 6; ++i) {
    (void)small.ask(i % 2 == 0 ? "a" : "b");
    (void)monitor.sample_now();
  }
  EXPECT_FALSE(monitor.counters().alerts.contains(AlertKind::drift));
}

TEST(MonitorTest, ItSamplesOnItsBeatKeepsALimitedHistoryAndEndsCleanly) {
  SmallHost small(fleet_of("a"));
  std::optional<Monitor> monitor;
  monitor.emplace(small.host, MonitorOptions{.beat = std::chrono::milliseconds(1), .history = 3});
  while (monitor->counters().samples < 10) std::this_thread::yield();
  const std::vector<Sample> history = monitor->history();
  ASSERT_EQ(history.size(), 3U);
  EXPECT_LT(history[0].at, history[2].at);
  monitor.reset();  // does not hang
}

TEST(MonitorTest, AListenerThatFailsEndsNothing) {
  host::Fleet fleet = fleet_of("a");
  fleet.budgets = {{.device = device::host(), .amount = 1_GiB}};
  fleet.thresholds = {.warn = 0.0001, .high = 0.99};
  SmallHost small(fleet);
  (void)small.ask("a");
  std::atomic<int> called = 0;
  log::set_sink([](log::Level, std::string_view, std::string_view) {});
  Monitor monitor(small.host, by_hand([&](const Alert&) {
                    ++called;
                    throw std::runtime_error("no");
                  }));
  EXPECT_NO_THROW((void)monitor.sample_now());
  log::set_sink({});
  EXPECT_GE(called, 1);
}

// Whatever they throw: on the monitor's own thread it would end the process.
TEST(MonitorTest, WhatIsNoExceptionOfTheLibraryEndsNoBeat) {
  log::set_sink([](log::Level, std::string_view, std::string_view) {});
  memory::Ledger ledger;
  std::atomic<int> sampled = 0;
  std::atomic<int> told = 0;
  {
    const Monitor monitor({.take_sample =
                               [&] {
                                 if (++sampled == 2) throw 2;
                                 Sample sample;
                                 sample.at = Clock::TimePoint(std::chrono::seconds(sampled.load()));
                                 DeviceSample& host = sample.devices.emplace_back();
                                 host.device = "CPU";
                                 host.budget = host.committed = 2_GiB;
                                 return sample;
                               },
                           .thresholds = {.warn = 0.5, .high = 0.9},
                           .ledger = ledger},
                          {.beat = std::chrono::milliseconds(1), .on_alert = [&](const Alert&) {
                             ++told;
                             throw 1;
                           }});
    while (sampled < 4) std::this_thread::yield();
  }
  log::set_sink({});
  EXPECT_GE(told, 1);
}

// The figures of docs/monitoring.md. The bounds are loose: a beat must cost nothing worth mentioning.
TEST(MonitorTest, ABeatAndASampleAreCheap) {
  SmallHost small(fleet_of("ab"));
  (void)small.ask("a");
  Monitor monitor(small.host, by_hand());
  (void)monitor.sample_now();
  const std::clock_t begin = std::clock();  // of this process: what else the machine does is not counted
  constexpr int kBeats = 200;
  for (int i = 0; i < kBeats; ++i) (void)monitor.sample_now();
  const double us = static_cast<double>(std::clock() - begin) * 1e6 / CLOCKS_PER_SEC / kBeats;
  RecordProperty("us_per_beat", std::to_string(us));
  EXPECT_LT(us, 20'000);

  const std::size_t before = mallinfo2().uordblks;
  const std::vector<Sample> copies(1000, *monitor.latest());
  const std::size_t bytes = (mallinfo2().uordblks - before) / copies.size();
  RecordProperty("bytes_per_sample", std::to_string(bytes));
  EXPECT_LT(bytes, 8192U);
}

}  // namespace
}  // namespace plimsoll::monitor
