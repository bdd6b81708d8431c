// mapped_weights: the entries of a model whose host weights stay in the mapped file. A simulated load cannot map, so
// its host entries (CPU, Vulkan_Host) are replaced by what a mapped load really makes: buffers over runs of host
// tensors that touch each other in the file. The padding between tensors ends a run, so together they hold the tensors'
// own bytes.
#pragma once
#include <llama.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "dry_run/dry_run.hpp"

namespace plimsoll::dry_run {

[[nodiscard]] bool is_mapped(engine::LoadMode mode) noexcept;

// The weights of this buffer type are not copied when the file is mapped: the CPU's own type, and every pinned host
// type (with a mapped file the engine uses the CPU's instead). Repacked types (CPU_REPACK) are copies all the same.
[[nodiscard]] bool stays_in_the_file(ggml_backend_buffer_type_t type);

// `groups`: names of the tensors that the engine places together, per buffer type; names that are no weights are
// ignored.
[[nodiscard]] std::vector<BufferEntry> mapped_weights(
    const std::string& path, const std::map<ggml_backend_buffer_type_t, std::vector<std::set<std::string>>>& groups);

}  // namespace plimsoll::dry_run
