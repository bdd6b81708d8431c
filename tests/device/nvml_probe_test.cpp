#include "nvml.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>

#include "fake_machine.hpp"
#include "manual_clock.hpp"

namespace plimsoll::device {
namespace {

constexpr int kSuccess = 0;
constexpr int kNotFound = 6;
constexpr const char* kPci = "0000:c1:00.0";

// One card with two processes on it, this one second.
NvmlFunctions one_card() {
  return {.init = [] { return kSuccess; },
          .device_by_pci_id =
              [](const char* pci, void** handle) {
                *handle = nullptr;
                return std::strcmp(pci, kPci) == 0 ? kSuccess : kNotFound;
              },
          .memory_info =
              [](void*, NvmlMemory* memory) {
                *memory = {.total = 1000, .free = 600, .used = 390};
                return kSuccess;
              },
          .compute_processes =
              [](void*, unsigned int* count, NvmlProcess* processes) {
                processes[0] = {.pid = 1, .used_gpu_memory = 250, .gpu_instance_id = 0, .compute_instance_id = 0};
                processes[1] = {.pid = static_cast<unsigned int>(getpid()),
                                .used_gpu_memory = 140,
                                .gpu_instance_id = 0,
                                .compute_instance_id = 0};
                *count = 2;
                return kSuccess;
              }};
}

class NvmlProbeTest : public ::testing::Test {
 protected:
  std::optional<MemoryReading> read(const NvmlFunctions& functions, const DeviceInfo& device = card(kPci)) const {
    return NvmlProbe(clock, functions).read(device);
  }
  test::ManualClock clock;
};

TEST_F(NvmlProbeTest, ReadsTheCardAtThePciAddressAndThisProcess) {
  const auto reading = read(one_card());
  ASSERT_TRUE(reading);
  EXPECT_EQ(reading->total, 1000_B);
  EXPECT_EQ(reading->free, 600_B);
  EXPECT_EQ(reading->used_by_us, 140_B);
}

TEST_F(NvmlProbeTest, OurUseIsUnknownWhereTheLibraryCannotTell) {
  NvmlFunctions functions = one_card();
  functions.compute_processes = [](void*, unsigned int* count, NvmlProcess* processes) {
    processes[0] = {.pid = static_cast<unsigned int>(getpid()),
                    .used_gpu_memory = ~0ULL,  // NVML_VALUE_NOT_AVAILABLE
                    .gpu_instance_id = 0,
                    .compute_instance_id = 0};
    *count = 1;
    return kSuccess;
  };
  ASSERT_TRUE(read(functions));
  EXPECT_FALSE(read(functions)->used_by_us);
  functions.compute_processes = [](void*, unsigned int*, NvmlProcess*) { return kNotFound; };
  EXPECT_FALSE(read(functions)->used_by_us);
  functions.compute_processes = nullptr;
  EXPECT_FALSE(read(functions)->used_by_us);
}

TEST_F(NvmlProbeTest, SaysNothingWhereTheLibraryIsMissingOrFails) {
  EXPECT_FALSE(read(NvmlFunctions{}));
  NvmlFunctions functions = one_card();
  functions.init = [] { return kNotFound; };
  EXPECT_FALSE(read(functions));
  functions = one_card();
  functions.memory_info = [](void*, NvmlMemory*) { return kNotFound; };
  EXPECT_FALSE(read(functions));
  functions.memory_info = [](void*, NvmlMemory*) { return kSuccess; };  // says nothing: 0 of 0
  EXPECT_FALSE(read(functions));
}

TEST_F(NvmlProbeTest, SaysNothingOfOtherDevices) {
  EXPECT_FALSE(read(one_card(), card("0000:03:00.0")));
  EXPECT_FALSE(read(one_card(), host_device()));
}

}  // namespace
}  // namespace plimsoll::device
