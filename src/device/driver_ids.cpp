#include "driver_ids.hpp"

#include <dlfcn.h>
#include <fmt/format.h>

#include <array>
#include <charconv>

#include "base/lower_case.hpp"

namespace plimsoll::device {
namespace {

template <class Function>
void find(Function& function, void* library, const char* name) {
  function = reinterpret_cast<Function>(dlsym(library, name));
}

// Only where it is loaded already: it then stays, so the handle is not kept.
void* loaded_library(std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (void* library = dlopen(name, RTLD_NOW | RTLD_NOLOAD); library != nullptr) return library;
  }
  return nullptr;
}

std::optional<int> number_at_end(std::string_view device) {
  const std::size_t start = device.find_last_not_of("0123456789") + 1;
  int number = 0;
  const auto [end, error] = std::from_chars(device.data() + start, device.data() + device.size(), number);
  return error == std::errc{} ? std::optional(number) : std::nullopt;
}

std::string text_of(const DriverFunctions::Uuid& uuid) {
  std::string text;
  for (std::size_t i = 0; i < std::size(uuid.bytes); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += fmt::format("{:02x}", uuid.bytes[i]);
  }
  return text;
}

}  // namespace

DriverFunctions driver_of(std::string_view backend) {
  DriverFunctions driver;
  if (backend == "CUDA") {
    void* library = loaded_library({"libcuda.so.1"});
    if (library == nullptr) return driver;
    find(driver.device_count, library, "cuDeviceGetCount");
    find(driver.pci_bus_id, library, "cuDeviceGetPCIBusId");
    find(driver.uuid, library, "cuDeviceGetUuid_v2");  // that of the slice, where the card is sliced
  } else if (backend == "ROCm" || backend == "HIP") {
    void* library = loaded_library({"libamdhip64.so.7", "libamdhip64.so.6", "libamdhip64.so.5", "libamdhip64.so"});
    if (library == nullptr) return driver;
    find(driver.device_count, library, "hipGetDeviceCount");
    find(driver.pci_bus_id, library, "hipDeviceGetPCIBusId");
  }
  return driver;
}

std::optional<CardIds> card_ids(const DriverFunctions& driver, std::string_view device) {
  const auto number = number_at_end(device);
  int count = 0;
  if (!number || driver.device_count == nullptr || driver.pci_bus_id == nullptr) return std::nullopt;
  if (driver.device_count(&count) != 0 || count <= 0) return std::nullopt;
  const int ordinal = *number % count;  // with GGML_CUDA_DEVICES ggml offers a card several times over
  std::array<char, 64> text{};
  if (driver.pci_bus_id(text.data(), static_cast<int>(text.size()) - 1, ordinal) != 0) return std::nullopt;
  CardIds ids{.pci_id = normalized_pci_id(text.data()), .uuid = {}};
  if (DriverFunctions::Uuid uuid{}; driver.uuid != nullptr && driver.uuid(&uuid, ordinal) == 0)
    ids.uuid = text_of(uuid);
  return ids;
}

std::string normalized_pci_id(std::string_view pci_id) {
  std::string text = lower_case(pci_id.substr(0, pci_id.find('-')));
  if (const std::size_t colon = text.find(':'); colon == 8 && text.starts_with("0000")) text.erase(0, 4);
  return text;
}

}  // namespace plimsoll::device
