// driver_ids: where a card is, as its driver tells it without a device context. ggml's own way to ask
// (ggml_backend_dev_get_props) makes one on CUDA and HIP, since it reads the free memory along with it.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <plimsoll/device/device.hpp>

namespace plimsoll::device {

struct CardIds {
  std::string pci_id;
  std::optional<std::string> uuid;
};

// The few calls of a driver that we use, as a table, so that a test can stand in for it. All may be null.
struct DriverFunctions {
  struct Uuid {
    unsigned char bytes[16];
  };
  int (*device_count)(int*) = nullptr;
  int (*pci_bus_id)(char*, int, int device) = nullptr;
  int (*uuid)(Uuid*, int device) = nullptr;
};

// Of the library that ggml's backend of that name has loaded; it is not loaded for the sake of looking.
[[nodiscard]] DriverFunctions driver_of(std::string_view backend);

// `device` is ggml's name, of which the number counts the driver's devices ("CUDA1"). Empty where the driver does not
// say.
[[nodiscard]] std::optional<CardIds> card_ids(const DriverFunctions& driver, std::string_view device);

// The drivers of this process, by the name of ggml's backend.
using Drivers = std::function<DriverFunctions(std::string_view backend)>;

// registry.cpp's list_devices(), told by these drivers.
[[nodiscard]] std::vector<DeviceInfo> list_devices(const Drivers& drivers);

// "0000:c1:00.0": lower case, four digits of domain, and without the mark of a virtual device ("-v1").
[[nodiscard]] std::string normalized_pci_id(std::string_view pci_id);

}  // namespace plimsoll::device
