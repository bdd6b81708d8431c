// Looking at the devices makes no device context, where the driver and another probe can tell what is wanted.
#include <gtest/gtest.h>

#include <cstring>

#include "device/registry.hpp"

#include "counting_card.hpp"
#include "driver_ids.hpp"
#include "fake_machine.hpp"
#include "manual_clock.hpp"
#include "probes.hpp"
#include "scripted_nvml.hpp"

namespace plimsoll::device {
namespace {

CountingCard& counting_card() {
  static auto& card = *new CountingCard("CUDA", "CUDA7");  // ggml keeps it
  card.contexts = 0;
  return card;
}

// Eight cards, of which the one with the number 7 has an address.
DriverFunctions a_driver() {
  return {.device_count =
              [](int* count) {
                *count = 8;
                return 0;
              },
          .pci_bus_id =
              [](char* text, int length, int device) {
                std::strncpy(text, device == 7 ? "00000000:C1:00.0" : "0000:00:01.0", static_cast<std::size_t>(length));
                return 0;
              },
          .uuid =
              [](DriverFunctions::Uuid* uuid, int) {
                for (int i = 0; i < 16; ++i) uuid->bytes[i] = static_cast<unsigned char>(i);
                return 0;
              }};
}

DeviceInfo found(const std::vector<DeviceInfo>& devices, std::string_view name) {
  for (const DeviceInfo& info : devices) {
    if (info.id.name() == name) return info;
  }
  throw std::runtime_error("no such device");
}

TEST(LookingTest, TheDriverSaysWhereACardIsAndNoContextIsMade) {
  const auto& card = counting_card();
  const DeviceInfo info = found(list_devices([](std::string_view) { return a_driver(); }), "CUDA7");
  EXPECT_EQ(card.contexts, 0);
  EXPECT_EQ(info.pci_id, "0000:c1:00.0");
  EXPECT_EQ(info.uuid, "00010203-0405-0607-0809-0a0b0c0d0e0f");
  EXPECT_EQ(info.type, DeviceType::gpu);
  EXPECT_EQ(info.description, "a card that counts");
}

TEST(LookingTest, WhereNoDriverAnswersTheBackendIsAsked) {
  const auto& card = counting_card();
  const DeviceInfo info = found(list_devices([](std::string_view) { return DriverFunctions{}; }), "CUDA7");
  EXPECT_EQ(card.contexts, 1);
  EXPECT_EQ(info.pci_id, "0000:0a:00.0");
  EXPECT_FALSE(info.uuid);
}

TEST(LookingTest, AProbeThatKnowsTheCardLeavesTheBackendInPeace) {
  const auto& card = counting_card();
  const test::ManualClock clock;
  std::vector<std::unique_ptr<Probe>> probes;
  probes.push_back(std::make_unique<NvmlProbe>(clock, scripted_nvml({.total = 81559_MiB, .used = 518_MiB})));
  probes.push_back(std::make_unique<GgmlProbe>(clock));
  const ProbeChain chain(std::move(probes));
  DeviceInfo info = found(list_devices([](std::string_view) { return a_driver(); }), "CUDA7");

  EXPECT_EQ(chain.read(info)->total, 81559_MiB);
  EXPECT_EQ(card.contexts, 0);

  info.pci_id = "0000:02:00.0";  // one that the library does not know
  EXPECT_EQ(chain.read(info)->total, 1000_B);
  EXPECT_EQ(card.contexts, 1);
}

TEST(DriverIdsTest, AddressesAreWrittenInOneWay) {
  EXPECT_EQ(normalized_pci_id("0000:C1:00.0"), "0000:c1:00.0");
  EXPECT_EQ(normalized_pci_id("00000000:C1:00.0"), "0000:c1:00.0");
  EXPECT_EQ(normalized_pci_id("0000:c1:00.0-v1"), "0000:c1:00.0");  // one of several devices made of a card
  EXPECT_EQ(normalized_pci_id("00010000:C1:00.0"), "00010000:c1:00.0");
}

TEST(DriverIdsTest, DevicesBeyondTheDriversAreTheSameCardsAgain) {
  EXPECT_EQ(card_ids(a_driver(), "CUDA15")->pci_id, "0000:c1:00.0");
  EXPECT_EQ(card_ids(a_driver(), "CUDA8")->pci_id, "0000:00:01.0");
  EXPECT_FALSE(card_ids(a_driver(), "CUDA"));
  EXPECT_FALSE(card_ids(DriverFunctions{}, "CUDA0"));
  DriverFunctions failing = a_driver();
  failing.pci_bus_id = [](char*, int, int) { return 1; };
  EXPECT_FALSE(card_ids(failing, "CUDA0"));
  failing = a_driver();
  failing.device_count = [](int*) { return 3; };  // not initialized
  EXPECT_FALSE(card_ids(failing, "CUDA0"));
}

TEST(SharedMemoryTest, OneCardOfTwoBackendsIsOneMemory) {
  std::vector<DeviceInfo> devices{card("0000:c1:00.0"), card("0000:c1:00.0"), card("0000:c2:00.0"), host_device()};
  devices[0].id = DeviceId{"CUDA0"};
  devices[1].id = DeviceId{"Vulkan0"};
  devices[2].id = DeviceId{"Vulkan1"};
  mark_shared_memory(devices);
  EXPECT_EQ(devices[0].memory().name(), "CUDA0");
  EXPECT_EQ(devices[1].memory().name(), "CUDA0");
  EXPECT_EQ(devices[2].memory().name(), "Vulkan1");
  EXPECT_EQ(devices[3].memory().name(), "CPU");
  EXPECT_TRUE(share_memory(devices[0], devices[1]));
  EXPECT_FALSE(share_memory(devices[0], devices[2]));
}

TEST(SharedMemoryTest, NeitherSlicesNorHostMemoryNorUnknownPlacesAreOneMemory) {
  std::vector<DeviceInfo> devices(6, card("0000:c1:00.0"));
  for (std::size_t i = 0; i < devices.size(); ++i) devices[i].id = DeviceId{"D" + std::to_string(i)};
  devices[0].uuid = "a";
  devices[1].uuid = "b";
  devices[2].pci_id.reset();
  devices[3].pci_id.reset();
  devices[4].memory_is_hosts = devices[5].memory_is_hosts = true;
  mark_shared_memory(devices);
  for (const DeviceInfo& info : devices) EXPECT_EQ(info.memory(), info.id);
}

TEST(SharedMemoryTest, TheSameUuidIsTheSameMemoryWhereNobodyKnowsThePlace) {
  std::vector<DeviceInfo> devices(3, card("0000:c1:00.0"));
  for (std::size_t i = 0; i < devices.size(); ++i) devices[i].id = DeviceId{"D" + std::to_string(i)};
  devices[0].uuid = devices[1].uuid = "a";
  devices[0].pci_id.reset();
  devices[2].uuid = "b";
  mark_shared_memory(devices);
  EXPECT_EQ(devices[1].memory(), devices[0].id);
  EXPECT_EQ(devices[2].memory(), devices[2].id);
}

// A backend that knows no slices offers the whole card: it is the first slice's memory, and the second is its own.
TEST(SharedMemoryTest, WhoSharesAMemoryStandsForNone) {
  std::vector<DeviceInfo> devices(3, card("0000:c1:00.0"));
  for (std::size_t i = 0; i < devices.size(); ++i) devices[i].id = DeviceId{"D" + std::to_string(i)};
  devices[0].uuid = "a";
  devices[2].uuid = "b";
  mark_shared_memory(devices);
  EXPECT_EQ(devices[1].memory(), devices[0].id);
  EXPECT_EQ(devices[2].memory(), devices[2].id);
}

TEST(SharedMemoryTest, BytesUnderAnyNameOfACardLieInIt) {
  std::vector<DeviceInfo> devices{card("0000:c1:00.0"), card("0000:c1:00.0"), card("0000:c2:00.0"), host_device()};
  devices[0].id = DeviceId{"CUDA0"};
  devices[1].id = DeviceId{"Vulkan0"};
  devices[2].id = DeviceId{"CUDA1"};
  mark_shared_memory(devices);
  for (const DeviceInfo& name : {devices[0], devices[1]}) {
    EXPECT_TRUE(lies_in(DeviceId{"CUDA0"}, name, devices));
    EXPECT_TRUE(lies_in(DeviceId{"Vulkan0"}, name, devices));
    EXPECT_FALSE(lies_in(DeviceId{"CUDA1"}, name, devices));
    EXPECT_FALSE(lies_in(host(), name, devices));
  }
  EXPECT_TRUE(lies_in(host(), devices[3], devices));
}

}  // namespace
}  // namespace plimsoll::device
