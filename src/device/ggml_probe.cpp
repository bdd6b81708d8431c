#include <ggml-backend.h>

#include <atomic>

#include "probes.hpp"

namespace plimsoll::device {
namespace {

std::atomic<MayAskBackend> may_ask_backend = nullptr;

}  // namespace

void ask_before_backends(MayAskBackend may_ask) noexcept { may_ask_backend = may_ask; }

std::optional<MemoryReading> GgmlProbe::read(const DeviceInfo& device) const {
  // Backends that offer one card count it a little differently: the first of them speaks for all.
  ggml_backend_dev_t handle = ggml_backend_dev_by_name(device.memory().name().c_str());
  if (handle == nullptr) return std::nullopt;
  if (const MayAskBackend may_ask = may_ask_backend; may_ask != nullptr && !may_ask(device)) return std::nullopt;
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
