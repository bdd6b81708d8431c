// How many leases a model gives at once, and how many tokens they hold together.
#pragma once
#include <cstddef>
#include <optional>

#include "plan/plan.hpp"

namespace plimsoll::host {

// One for each sequence; a context for embeddings computes a call at a time.
[[nodiscard]] inline std::size_t slots_of(const plan::ModelPlan& plan) {
  return plan.request.context.embeddings ? 1U : plan.dry_run.context.n_seq_max;
}

// Of the KV cache, for all of its sequences together; empty: it keeps none.
[[nodiscard]] inline std::optional<std::size_t> cells_of(const plan::ModelPlan& plan) {
  if (plan.unusable || plan.request.context.embeddings || !plan.dry_run.context.has_memory) return std::nullopt;
  return plan.dry_run.context.n_ctx;
}

}  // namespace plimsoll::host
