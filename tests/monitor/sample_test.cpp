#include "monitor/take_sample.hpp"

#include <gtest/gtest.h>

#include "scripted_sample.hpp"

namespace plimsoll::monitor {
namespace {

using test::gpu;
using test::observed;

const StageSample* stage(const OwnerSample& owner, const std::string& device, memory::Stage stage) {
  for (const StageSample& at : owner.stages) {
    if (at.device == device && at.stage == stage) return &at;
  }
  return nullptr;
}

TEST(SampleTest, DevicesHaveTheLedgersBytesAndTheProbesReading) {
  const Sample sample = sample_of(observed());
  const DeviceSample& card = sample.devices.at(0);
  EXPECT_EQ(card.total, 8_GiB);
  EXPECT_EQ(card.free, 5_GiB);
  EXPECT_EQ(card.committed, 3_GiB);
  EXPECT_EQ(card.taken, 2_GiB);
  EXPECT_EQ(card.headroom, 4_GiB);
  EXPECT_EQ(card.foreign, 1_GiB);  // 8 - 5 - 2
}

TEST(SampleTest, WhatIsUnknownIsAbsent) {
  const Sample sample = sample_of(observed());
  const DeviceSample& host = sample.devices.at(1);
  EXPECT_FALSE(host.total || host.free || host.process || host.budget || host.foreign || host.headroom);

  Observed no_free = observed();
  no_free.devices[0] = gpu(std::nullopt, 2_GiB);
  EXPECT_FALSE(sample_of(no_free).devices.at(0).foreign);
}

TEST(SampleTest, WhereAProbeKnowsThisProcessForeignIsTheRest) {
  Observed input = observed();
  input.devices[0] = gpu(5_GiB, 2560_MiB);
  EXPECT_EQ(sample_of(input).devices.at(0).foreign, 512_MiB);
}

TEST(SampleTest, DevicesOfTheHostsMemoryAreOneMemory) {
  Observed input = observed();
  input.devices[0].info.memory_is_hosts = true;
  const Sample sample = sample_of(input);
  EXPECT_EQ(in_same_memory(sample, sample.devices[0], &DeviceSample::taken), 2_GiB + 4_MiB);
  EXPECT_EQ(sample.devices[0].foreign, 1_GiB - 4_MiB);
}

TEST(SampleTest, AboveTheBudgetThereIsNoHeadroom) {
  Observed input = observed();
  input.devices[0].account.committed = 9_GiB;
  EXPECT_EQ(sample_of(input).devices.at(0).headroom, Bytes{});
}

TEST(SampleTest, AModelsStagesArePlannedByItsPlanAndTakenByTheLedger) {
  const Sample sample = sample_of(observed());
  const OwnerSample& chat = sample.models.at(0).memory;
  EXPECT_EQ(stage(chat, "Vulkan0", memory::Stage::weights)->planned, 1_GiB);
  EXPECT_EQ(stage(chat, "Vulkan0", memory::Stage::weights)->taken, 1_GiB);
  EXPECT_EQ(stage(chat, "CPU", memory::Stage::output)->taken, 3_MiB);  // two buffer types, one stage
  EXPECT_EQ(chat.stages.size(), 3U);
  EXPECT_EQ(taken_by(chat), 1536_MiB + 3_MiB);
  const OwnerSample& swapped_out = sample.models.at(1).memory;
  EXPECT_EQ(stage(swapped_out, "Vulkan0", memory::Stage::kv_cache)->planned, 512_MiB);
  EXPECT_EQ(taken_by(swapped_out), Bytes{});
}

TEST(SampleTest, PageCacheIsApartFromWhatIsCharged) {
  const Sample sample = sample_of(observed());
  const OwnerSample& chat = sample.models.at(0).memory;
  EXPECT_EQ(chat.mapped.at("CPU"), 96_MiB);
  EXPECT_EQ(stage(chat, "CPU", memory::Stage::weights), nullptr);
}

TEST(SampleTest, OwnersThatAreNoModelsStandApart) {
  const Sample sample = sample_of(observed());
  ASSERT_EQ(sample.others.size(), 3U);
  EXPECT_EQ(sample.others[0].name, "backends");
  EXPECT_EQ(sample.others[1].name, "group:main");
  EXPECT_EQ(sample.others[1].stages.at(0).planned, 64_MiB);
  EXPECT_EQ(sample.others[2].name, "swap");
  EXPECT_EQ(sample.others[2].stages.at(0).stage, memory::Stage::conversations);
}

TEST(SampleTest, ALimitIsFarBelowTheTotalWhereItIsLessThanAQuarter) {
  DeviceSample device;
  device.total = 8_GiB;
  device.budget = 2_GiB;
  EXPECT_FALSE(limit_is_far_below_total(device));
  device.budget = 2_GiB - 1_B;
  EXPECT_TRUE(limit_is_far_below_total(device));
  device.total.reset();
  EXPECT_FALSE(limit_is_far_below_total(device));
}

TEST(SampleTest, ACardOfTwoBackendsIsOneDeviceWithBothNames) {
  Observed input = observed();
  ObservedDevice again = input.devices[0];
  again.info.id = device::DeviceId{"Vulkan9"};
  again.info.same_memory_as = input.devices[0].info.id;
  again.reading.reset();
  input.devices.push_back(again);
  const Sample sample = sample_of(input);
  ASSERT_EQ(sample.devices.size(), 2U);  // and the host
  EXPECT_EQ(sample.devices[0].also, std::vector<std::string>{"Vulkan9"});
  EXPECT_EQ(sample.devices[0].taken, 2_GiB);
  EXPECT_TRUE(sample.devices[1].also.empty());
}

}  // namespace
}  // namespace plimsoll::monitor
