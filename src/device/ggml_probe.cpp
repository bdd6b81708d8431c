#include <ggml-backend.h>

#include "probes.hpp"

namespace plimsoll::device {

std::optional<MemoryReading> GgmlProbe::read(const DeviceInfo& device) const {
  // Backends that offer one card count it a little differently: the first of them speaks for all.
  ggml_backend_dev_t handle = ggml_backend_dev_by_name(device.memory().name().c_str());
  if (handle == nullptr) return std::nullopt;
  std::size_t free = 0;
  std::size_t total = 0;
  ggml_backend_dev_memory(handle, &free, &total);
  if (total == 0) return std::nullopt;
  return MemoryReading{.total = Bytes{total},
                       .free = Bytes{free},
                       .used_by_us = std::nullopt,
                       .source = "ggml",
                       .taken_at = clock_.now()};
}

}  // namespace plimsoll::device
