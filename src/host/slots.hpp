// How many leases a model gives at once.
#pragma once
#include <cstddef>

#include "plan/plan.hpp"

namespace plimsoll::host {

// One for each sequence; a context for embeddings computes a call at a time.
[[nodiscard]] inline std::size_t slots_of(const plan::ModelPlan& plan) {
  return plan.request.context.embeddings ? 1U : plan.dry_run.context.n_seq_max;
}

}  // namespace plimsoll::host
