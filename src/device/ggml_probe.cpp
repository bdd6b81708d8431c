#include <ggml-backend.h>

#include <atomic>

#include "probes.hpp"

namespace plimsoll::device {
namespace {

std::atomic<AskBackend> ask_backend = nullptr;

}  // namespace

void ask_backends_by(AskBackend ask) noexcept { ask_backend = ask; }

std::optional<MemoryReading> GgmlProbe::read(const DeviceInfo& device) const {
  // Backends that offer one card count it a little differently: the first of them speaks for all.
  ggml_backend_dev_t handle = ggml_backend_dev_by_name(device.memory().name().c_str());
  if (handle == nullptr) return std::nullopt;
  std::size_t free = 0;
  std::size_t total = 0;
  const auto question = [&] { ggml_backend_dev_memory(handle, &free, &total); };
  if (const AskBackend ask = ask_backend; ask == nullptr)
    question();
  else if (!ask(device, question))
    return std::nullopt;
  if (total == 0) return std::nullopt;
  return MemoryReading{.total = Bytes{total},
                       .free = Bytes{free},
                       .used_by_us = std::nullopt,
                       .source = "ggml",
                       .taken_at = clock_.now()};
}

}  // namespace plimsoll::device
