#include "split.hpp"

#include <gtest/gtest.h>

#include "plan_examples.hpp"

namespace plimsoll::plan {
namespace {

DeviceState card(const std::string& name, std::optional<Bytes> free, std::optional<Bytes> budget = {},
                 Bytes ours = {}) {
  return state_of(device::DeviceId{name}, std::nullopt, free, budget, ours);
}

const DeviceState kTheHost = state_of(kHost, 64_GiB, 60_GiB, std::nullopt);

TEST(SplitTest, SharesFollowTheFreeCapacityWithinEachBudget) {
  const auto fixed = with_fixed_split({}, {card("A", 8_GiB), card("B", 32_GiB, 26_GiB, 2_GiB), kTheHost});
  EXPECT_EQ(fixed.devices, (std::vector<std::string>{"A", "B"}));
  EXPECT_EQ(fixed.tensor_split, (std::vector<float>{64, 192}));
}

TEST(SplitTest, AFewMiBMoreOrLessFreeAreTheSameShares) {
  const auto one = with_fixed_split({}, {card("A", 23_GiB), card("B", 23_GiB + 20_MiB)});
  const auto other = with_fixed_split({}, {card("A", 23_GiB + 20_MiB), card("B", 23_GiB)});
  EXPECT_EQ(one, other);
}

TEST(SplitTest, OneAcceleratorIsNotNamed) {
  EXPECT_EQ(with_fixed_split({}, {card("A", 8_GiB), kTheHost}), engine::ModelParams{});
}

TEST(SplitTest, WhatWasAskedForStays) {
  const std::vector<DeviceState> two{card("A", 8_GiB), card("B", 8_GiB)};
  const auto stays = [&](auto change) {
    engine::ModelParams params;
    change(params);
    EXPECT_EQ(with_fixed_split(params, two), params);
  };
  stays([](engine::ModelParams& p) { p.tensor_split = {3, 1}; });
  stays([](engine::ModelParams& p) { p.devices = {"B"}; });
  stays([](engine::ModelParams& p) { p.devices = {"none"}; });
  stays([](engine::ModelParams& p) { p.gpu_layers = 0; });
  stays([](engine::ModelParams& p) { p.split_mode = engine::SplitMode::none; });
}

TEST(SplitTest, ADeviceWithoutAShareIsNotNamed) {
  const auto fixed = with_fixed_split({}, {card("A", 0_B), card("B", 8_GiB), card("C", 8_GiB)});
  EXPECT_EQ(fixed.devices, (std::vector<std::string>{"B", "C"}));
  EXPECT_EQ(fixed.tensor_split, (std::vector<float>{128, 128}));
  const auto one = with_fixed_split({}, {card("A", 0_B), card("B", 8_GiB)});
  EXPECT_EQ(one.devices, std::vector<std::string>{"B"});
  EXPECT_TRUE(one.tensor_split.empty());
}

TEST(SplitTest, DevicesThatWereNamedKeepTheirOrder) {
  engine::ModelParams params;
  params.devices = {"B", "A"};
  const auto fixed = with_fixed_split(params, {card("A", 8_GiB), card("B", 24_GiB)});
  EXPECT_EQ(fixed.devices, params.devices);
  EXPECT_EQ(fixed.tensor_split, (std::vector<float>{192, 64}));
}

TEST(SplitTest, ACardOfTwoBackendsCountsOnceAndIntegratedOnesOnlyAlone) {
  DeviceState first = card("CUDA0", 8_GiB);
  DeviceState again = card("Vulkan0", 8_GiB);
  DeviceState other = card("Vulkan1", 8_GiB);
  DeviceState integrated = card("Vulkan2", 16_GiB);
  first.info.pci_id = again.info.pci_id = "0000:01:00.0";
  other.info.pci_id = "0000:02:00.0";
  integrated.info.type = device::DeviceType::integrated_gpu;
  const auto fixed = with_fixed_split({}, {first, again, other, integrated});
  EXPECT_EQ(fixed.devices, (std::vector<std::string>{"CUDA0", "Vulkan1"}));
}

TEST(SplitTest, WhereNothingIsFreeOrKnownSharesAreEqual) {
  EXPECT_EQ(with_fixed_split({}, {card("A", 0_B), card("B", std::nullopt)}).tensor_split,
            (std::vector<float>{128, 128}));
}

}  // namespace
}  // namespace plimsoll::plan
