// What other processes are told of this one's models: how much comes back when one of them goes.
#include "run/shown_models.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "broker/machine_ledger.hpp"
#include "device/probe.hpp"
#include "run/machine_memory.hpp"

#include "temporary_folder.hpp"

namespace plimsoll::run {
namespace {

class NothingRead final : public device::Probe {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "none"; }
  [[nodiscard]] std::optional<device::MemoryReading> read(const device::DeviceInfo&) const override { return {}; }
};

class ShownModelsTest : public testing::Test {
 protected:
  void hold(const std::string& owner, memory::Stage stage, Bytes bytes) {
    ASSERT_TRUE(ledger.take({.device = device::host(), .owner = owner, .stage = stage, .buffer = "CPU"}, bytes));
  }
  [[nodiscard]] Bytes offered(const std::string& model) const {
    for (const broker::Offer& offer : other->offers()) {
      if (offer.model.name == model) return offer.model.parts.front().comes_back;
    }
    return {};
  }

  const test::TemporaryFolder folder;
  const std::string path = folder / "ledger";
  std::unique_ptr<broker::MachineLedger> machine = broker::MachineLedger::open({.program = "serve", .path = path});
  std::unique_ptr<broker::MachineLedger> other = broker::MachineLedger::open({.program = "test", .path = path});
  NothingRead probe;
  MachineMemory own_memory{*machine, probe};
  MachineMemory others_memory{*other, probe};  // it has an account of the host's memory, too
  memory::Ledger ledger;
  ShownModels shown{ledger, own_memory, *machine};
};

TEST_F(ShownModelsTest, WhatAComputeGroupHoldsComesBackWithItsLastModel) {
  hold("a", memory::Stage::weights, 100_B);
  hold("group:main", memory::Stage::compute, 30_B);
  hold("group:main", memory::Stage::runtime, 5_B);
  shown.set("a", {.work = broker::Work::ready, .can_go = true});
  shown.publish();
  EXPECT_EQ(offered("a"), 100_B);
  shown.set("group:main", {.returns_with = "a"});
  shown.publish();
  EXPECT_EQ(offered("a"), 130_B);
  shown.forget("group:main");
  shown.publish();
  EXPECT_EQ(offered("a"), 100_B);
  const auto picture = broker::picture_of_machine(path);
  ASSERT_TRUE(picture && !picture->processes.empty());
  EXPECT_EQ(picture->processes.front().models.size(), 2U);  // it is shown apart
}

TEST_F(ShownModelsTest, WhatABackendTookComesBackWithTheProcessThatEnds) {
  hold("a", memory::Stage::weights, 100_B);
  hold("a", memory::Stage::runtime, 20_B);
  hold("group:main", memory::Stage::runtime, 5_B);
  shown.set("a", {.work = broker::Work::ready, .can_go = true});
  shown.publish();
  EXPECT_EQ(offered("a"), 100_B);
  shown.set("a", {.work = broker::Work::ready, .can_go = true, .process = 7, .ends_its_process = true});
  shown.set("group:main", {.returns_with = "a"});
  shown.publish();
  EXPECT_EQ(offered("a"), 125_B);
}

}  // namespace
}  // namespace plimsoll::run
