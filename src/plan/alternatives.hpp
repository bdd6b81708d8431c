// alternatives: what to give up, in which order, when a model does not fit: a list of configurations, nearest first.
// Whether one fits, a dry run of it says. Pure.
#pragma once
#include <string>
#include <vector>

#include "plan/plan.hpp"

namespace plimsoll::plan {

struct Candidate {
  dry_run::DryRunRequest request;
  std::vector<std::string> flags;
  std::vector<Change> changes;
  std::string cost;
  friend bool operator==(const Candidate&, const Candidate&) = default;
};

// Nearest first: least loss of context, then of parallel sequences, then of quality, then of speed. Steps: smaller
// micro-batches, experts or layers to the host (only where an accelerator is over: the host gains nothing by it), one
// sequence, KV cache of 8 or 4 bits, a shorter context; and combinations. Last of all, where an accelerator is over:
// the host alone.
[[nodiscard]] std::vector<Candidate> candidates(const dry_run::DryRunRequest& asked, const dry_run::DryRun& dry_run,
                                                bool accelerator_is_over);

}  // namespace plimsoll::plan
