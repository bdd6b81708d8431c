#include "placement.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "plan_examples.hpp"
#include "split.hpp"

namespace plimsoll::plan {
namespace {

using Devices = std::vector<std::string>;
using memory::Stage;

const Devices kBoth{"A", "B"};

DeviceState card(const std::string& name, Bytes room) {
  return state_of(device::DeviceId{name}, 1024_GiB, room, std::nullopt);
}

// Models of these sizes on cards; their weights lie where the parameters say, in equal parts.
class PlacementTest : public testing::Test {
 protected:
  ModelPlan plan_model(const Request& request) {
    ++dry_run_;
    ModelPlan model{.name = request.name,
                    .request = request.dry_run,
                    .dry_run = {},
                    .entries = {},
                    .compute_group = request.compute_group};
    model.request.model = with_fixed_split(model.request.model, states_);
    Devices devices = model.request.model.devices;
    if (devices == Devices{"none"}) devices = {"CPU"};
    for (const std::string& device : devices) {
      model.entries.push_back({.device = device::DeviceId{device},
                               .buffer = device,
                               .stage = Stage::weights,
                               .bytes = Bytes{sizes_.at(request.name).value() / devices.size()}});
    }
    return model;
  }

  // Where each went, in the order of the names.
  std::vector<Devices> places(const std::vector<std::pair<std::string, Bytes>>& models,
                              const std::function<void(engine::ModelParams&)>& ask = {}) {
    std::vector<Request> requests;
    for (const auto& [name, size] : models) {
      sizes_[name] = size;
      requests.push_back(request(name));
      if (ask) ask(requests.back().dry_run.model);
    }
    std::vector<Devices> out;
    for (const ModelPlan& plan : place(requests, {}, states_, [&](const Request& one) { return plan_model(one); })) {
      EXPECT_EQ(plan.name, models[out.size()].first);
      out.push_back(plan.request.model.devices);
    }
    return out;
  }

  std::vector<DeviceState> states_{card("A", 24_GiB), card("B", 24_GiB), state_of(kHost, 64_GiB, 60_GiB, std::nullopt)};
  std::map<std::string, Bytes> sizes_;
  int dry_run_ = 0;
};

TEST_F(PlacementTest, SmallModelsGoWholeToACardEach) {
  EXPECT_EQ(places({{"a", 4_GiB}, {"b", 4_GiB}}), (std::vector<Devices>{{"A"}, {"B"}}));
}

TEST_F(PlacementTest, OneModelIsDryRunOnceWhereTheFirstCardHoldsIt) {
  EXPECT_EQ(places({{"a", 4_GiB}}), std::vector<Devices>{{"A"}});
  EXPECT_EQ(dry_run_, 1);
}

TEST_F(PlacementTest, TheLargestChooseFirstSoThatAllAreReady) {
  EXPECT_EQ(places({{"a", 4_GiB}, {"b", 5_GiB}, {"c", 20_GiB}}), (std::vector<Devices>{{"B"}, {"B"}, {"A"}}));
}

TEST_F(PlacementTest, WhatNoCardHoldsIsSplit) {
  EXPECT_EQ(places({{"a", 40_GiB}}), std::vector<Devices>{kBoth});
  EXPECT_EQ(places({{"a", 400_GiB}}), std::vector<Devices>{kBoth}) << "and refused";
}

TEST_F(PlacementTest, WhatIsLeftOnBothIsUsedWhereNeitherHasRoomAlone) {
  EXPECT_EQ(places({{"a", 18_GiB}, {"b", 18_GiB}, {"c", 10_GiB}}), (std::vector<Devices>{{"A"}, {"B"}, kBoth}));
}

TEST_F(PlacementTest, WhatFitsOnlyInTurnsStaysWhole) {
  EXPECT_EQ(places({{"a", 20_GiB}, {"b", 20_GiB}, {"c", 20_GiB}}), (std::vector<Devices>{{"A"}, {"B"}, {"A"}}));
}

TEST_F(PlacementTest, AFewMiBMoreFreeMoveNoModel) {
  states_[1].reading.free = 24_GiB + 20_MiB;
  EXPECT_EQ(places({{"a", 4_GiB}}), std::vector<Devices>{{"A"}});
  states_[1].reading.free = 30_GiB;
  EXPECT_EQ(places({{"a", 4_GiB}}), std::vector<Devices>{{"B"}});
}

TEST_F(PlacementTest, ABudgetLimitsTheFreeCapacityToo) {
  states_[0].budget = memory::Budget{.bytes = 2_GiB};
  EXPECT_EQ(places({{"a", 4_GiB}, {"b", 4_GiB}}), (std::vector<Devices>{{"B"}, {"B"}}));
}

TEST_F(PlacementTest, WhatWasAskedForStays) {
  const auto asked = [&](auto ask) { return places({{"a", 4_GiB}}, ask).front(); };
  EXPECT_EQ(asked([](auto& params) { params.devices = kBoth; }), kBoth) << "several named: a split";
  EXPECT_EQ(asked([](auto& params) { params.devices = {"B"}; }), Devices{"B"});
  EXPECT_EQ(asked([](auto& params) { params.devices = {"none"}; }), Devices{"none"});
  EXPECT_EQ(asked([](auto& params) { params.split_mode = engine::SplitMode::row; }), kBoth);
  EXPECT_EQ(asked([](auto& params) {
              params.tensor_split = {3, 1};
              params.devices = kBoth;
            }),
            kBoth);
}

TEST_F(PlacementTest, OneAcceleratorIsNoChoice) {
  states_.erase(states_.begin() + 1);
  EXPECT_EQ(places({{"a", 4_GiB}}), std::vector<Devices>{{}}) << "as the engine has it";
}

}  // namespace
}  // namespace plimsoll::plan
