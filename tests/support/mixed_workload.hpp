// Mixed workload: everything a ready model may be asked for, in a pseudo-random order, and what memory did meanwhile.
// Shared by the steady-state benchmark and the steady-state tests.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "run/instance.hpp"

namespace plimsoll::workload {

// What a process's own accounting, and those of each device's backend, may take while it works.
inline constexpr Bytes kAllowedGrowth{2ULL << 20};

struct MixedOptions {
  int decodes = 1000;  // decode calls at least; the operation under way is finished
  std::uint32_t seed = 1;
};

struct MixedFigures {
  int decodes = 0;
  std::map<std::string, int> operations;  // by name; each of them is one to three decodes
  std::uint64_t allocations = 0;          // ggml buffers made, as the hook counted them
  memory::SealCounts seal;
  std::int32_t graph_reallocations = 0;
  std::string first_reallocation;  // the operation in which the first one happened; empty: none
  std::size_t devices = 1;         // that computed
  Bytes growth;                    // the largest seen after any operation, since readiness
  std::string largest_step;        // the operation that grew most
  Bytes largest_step_growth;
  std::string growth_source;

  // What the seal promised and was not so; empty: all kept.
  [[nodiscard]] std::vector<std::string> violations() const;
};

// Prompts of 1 ... n_ubatch tokens and more, every planned row of logits, batches of several sequences, shift, copy,
// rewind, save and restore, sampling with and without a grammar: those that this model and context can do. Throws
// Error{engine_failed} where a decode is not answered with ok. The instance is sealed; its context is left empty.
[[nodiscard]] MixedFigures run_mixed(run::Instance& instance, const MixedOptions& options = {});

}  // namespace plimsoll::workload
