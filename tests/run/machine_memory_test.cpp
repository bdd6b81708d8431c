// A process's devices in the machine's ledger: what is read, in which order, and what is asked for.
#include "run/machine_memory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "broker/machine_ledger.hpp"

#include "temporary_folder.hpp"

namespace plimsoll::run {
namespace {

using namespace std::chrono_literals;

// A machine whose card has so much free; counts how often it is asked.
class CardProbe final : public device::Probe {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "card"; }
  [[nodiscard]] std::optional<device::MemoryReading> read(const device::DeviceInfo&) const override {
    ++reads;
    return device::MemoryReading{.total = 1000_B, .free = free, .used_by_us = {}, .source = "card"};
  }
  Bytes free = 100_B;
  mutable int reads = 0;
};

device::DeviceInfo card(const std::string& name, const std::string& pci = "0000:c1:00.0") {
  device::DeviceInfo info;
  info.id = device::DeviceId{name};
  info.type = device::DeviceType::gpu;
  info.backend = "Vulkan";
  info.description = "a card";
  info.pci_id = pci;
  return info;
}

class MachineMemoryTest : public testing::Test {
 protected:
  struct Process {
    explicit Process(const std::string& path, const device::DeviceInfo& device = card("Vulkan0"))
        : ledger(broker::MachineLedger::open({.program = "test", .path = path})), memory(*ledger, probe) {
      memory.know(device);
    }
    std::expected<void, memory::Refusal> reserve(const device::DeviceId& device, Bytes bytes) {
      memory.look({device}, memory::kForReservations);
      return memory.reserve({{.memory = device, .bytes = bytes}});
    }
    CardProbe probe;
    std::unique_ptr<broker::MachineLedger> ledger;
    MachineMemory memory;
  };

  test::TemporaryFolder folder;
  const std::string path = folder / "ledger";
  const device::DeviceId kCard{"Vulkan0"};
};

TEST_F(MachineMemoryTest, AloneNothingIsReadAndNothingRefused) {
  Process a(path);
  EXPECT_TRUE(a.reserve(kCard, 500_B));  // its plan and its budgets have judged that
  EXPECT_EQ(a.probe.reads, 0);
}

TEST_F(MachineMemoryTest, BesideOthersWhatTheyArePromisedIsNotFree) {
  Process a(path);
  Process b(path);
  ASSERT_TRUE(a.reserve(kCard, 60_B));
  const auto refused = b.reserve(kCard, 41_B);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().by, memory::RefusedBy::others);
  EXPECT_EQ(refused.error().device, kCard);
  EXPECT_EQ(refused.error().available, 40_B);
  EXPECT_EQ(refused.error().promised, 60_B);
  EXPECT_EQ(b.probe.reads, 1);
  EXPECT_TRUE(b.reserve(kCard, 40_B));
}

TEST_F(MachineMemoryTest, TwoBackendsOfOneCardAreOneMemoryInEachProcess) {
  Process a(path);
  Process b(path, card("CUDA0"));
  device::DeviceInfo also = card("Vulkan3");
  also.same_memory_as = device::DeviceId{"CUDA0"};
  b.memory.know(also);
  ASSERT_TRUE(a.reserve(kCard, 60_B));
  EXPECT_FALSE(b.reserve(device::DeviceId{"Vulkan3"}, 41_B));
  EXPECT_EQ(b.memory.account_of(device::DeviceId{"Vulkan3"}), b.memory.account_of(device::DeviceId{"CUDA0"}));
  b.memory.look({device::DeviceId{"CUDA0"}}, 0ms);
  EXPECT_FALSE(b.memory.reserve(
      {{.memory = device::DeviceId{"CUDA0"}, .bytes = 30_B}, {.memory = device::DeviceId{"Vulkan3"}, .bytes = 30_B}}));
}

TEST_F(MachineMemoryTest, TheHostsMemoryIsKnownAndASoftwareDevicesIsIt) {
  device::DeviceInfo software = card("Vulkan0");
  software.memory_is_hosts = true;
  Process a(path, software);
  Process b(path);
  ASSERT_TRUE(a.reserve(kCard, 60_B));
  EXPECT_FALSE(b.reserve(device::host(), 41_B));
  EXPECT_EQ(a.memory.device_of(*a.memory.account_of(kCard)), device::host());
}

TEST_F(MachineMemoryTest, OfDevicesThatAreNotKnownNothingIsAsked) {
  Process a(path);
  Process b(path);
  const device::DeviceId unknown{"Vulkan9"};
  EXPECT_TRUE(a.reserve(unknown, 500_B));
  EXPECT_TRUE(b.reserve(unknown, 500_B));
  a.memory.placed(unknown, 1_B);
  a.memory.leaving(unknown, 1_B);
  a.memory.release(unknown, 500_B);
}

TEST_F(MachineMemoryTest, AReadingServesForAWhileWhereThatIsEnough) {
  Process a(path);
  Process b(path);
  ASSERT_TRUE(a.reserve(kCard, 10_B));
  for (int i = 0; i < 10; ++i) b.memory.look({kCard}, 1h);
  EXPECT_EQ(b.probe.reads, 1);
  b.memory.look({kCard}, 0ms);
  EXPECT_EQ(b.probe.reads, 2);
}

TEST_F(MachineMemoryTest, ASharedBudgetHoldsForAllTogether) {
  Process a(path);
  Process b(path);
  a.probe.free = b.probe.free = 1000_B;
  b.memory.limit(kCard, 100_B);
  ASSERT_TRUE(a.reserve(kCard, 60_B));
  const auto refused = b.reserve(kCard, 41_B);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().limit, 100_B);
  EXPECT_TRUE(b.reserve(kCard, 40_B));
}

TEST_F(MachineMemoryTest, PlacedBytesAreInTheReading) {
  Process a(path);
  Process b(path);
  ASSERT_TRUE(a.reserve(kCard, 60_B));
  a.memory.placed(kCard, 60_B);
  b.probe.free = 40_B;
  EXPECT_TRUE(b.reserve(kCard, 40_B));
  a.memory.leaving(kCard, 60_B);
  a.memory.release(kCard, 60_B);
  b.probe.free = 100_B;
  EXPECT_TRUE(b.reserve(kCard, 60_B));
}

}  // namespace
}  // namespace plimsoll::run
