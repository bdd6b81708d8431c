#include "runtime_estimate.hpp"

#include <algorithm>

namespace plimsoll::plan {

namespace {

// The engine writes down of each cell of a KV cache what is in it: 52 bytes in four arrays, and where it is used a node
// in each of two trees, 48 bytes each. Of whatever type the cache is, this is host memory. measured 2026-11, llama.cpp
// 0.7.0. Those of a context of common length are among the 8 MiB below. Layers with a sliding window have a cache of
// their own, which has as many cells where the context asks for all of it.
constexpr std::uint64_t kBytesOfCell = 148;
constexpr std::uint64_t kCommonCells = 16384;

}  // namespace

Bytes estimated_cells(const dry_run::DryRun& dry_run) {
  const std::uint64_t cells = std::max<std::uint64_t>(dry_run.context.n_ctx, kCommonCells) - kCommonCells;
  const bool has_cells = !dry_run.model.is_recurrent &&
                         std::ranges::contains(dry_run.entries, memory::Stage::kv_cache, &dry_run::BufferEntry::stage);
  const std::uint64_t caches = dry_run.model.n_swa > 0 && dry_run.context.swa_full ? 2 : 1;
  return has_cells ? Bytes{cells * caches * kBytesOfCell} : Bytes{};
}

Bytes estimated_runtime(const device::DeviceInfo& device, const dry_run::DryRun& dry_run) {
  // The host's own: thread stacks, the CPU backend's work buffer, which grows with the micro-batch and the widest row,
  // and the vocabulary. measured 2026-11, llama.cpp 0.7.0: below this for 131 small architectures; a model of 374 M
  // parameters with 32,000 words took 15 MiB when it was loaded.
  if (device.id.is_host()) {
    return 8_MiB + estimated_cells(dry_run) +
           Bytes{std::uint64_t{dry_run.context.n_ubatch} * static_cast<std::uint64_t>(dry_run.model.n_embd) * 8} +
           Bytes{static_cast<std::uint64_t>(std::max(0, dry_run.model.n_vocab)) * 640};
  }
  // CUDA and HIP: a device context and its kernels' code, about 0.5 GB on current drivers, then pools and graphs.
  if (device.backend == "CUDA" || device.backend == "ROCm" || device.backend == "HIP") return 640_MiB;
  // Vulkan: compiled pipelines and staging; a software rasterizer compiles them into this process.
  if (device.backend == "Vulkan") return device.memory_is_hosts ? 512_MiB : 384_MiB;
  return 256_MiB;
}

}  // namespace plimsoll::plan
