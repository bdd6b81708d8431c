// open: plan, reserve, load, create the context, warm up and seal, in one call.
#pragma once
#include <memory>
#include <string>

#include "plan/planner.hpp"
#include "run/generation.hpp"
#include "run/instance.hpp"

namespace plimsoll::run {

struct OpenOptions {
  // Who holds the bytes in the accounting; no other model that is open may have it. Empty: the file's name without its
  // ending, with a number behind it where that is taken.
  std::string name{};
  plan::PlannerOptions planner{};  // budgets; a device that none names keeps the budget that the accounting has for it
  engine::ModelParams model{};     // its path is replaced by the one given
  engine::ContextParams context{};
  std::vector<engine::AdapterParams> adapters{};
  engine::ControlVectorParams control_vector{};
  engine::ProjectorParams projector{};
  WarmUpOptions warm_up{};
  engine::Progress load_progress{};
  std::stop_token stop{};
  bool require_enforcing = false;  // throw where the hook is not in the way, instead of going on with advice only
};

// Ready and sealed. The dry run is made in this process (for files that are not trusted, plan with
// dry_run::DryRunProcess and use Instance). Throws Error: over_budget where it does not fit, with needed and available;
// usage where another model has the name; else what the stages throw.
[[nodiscard]] std::unique_ptr<Instance> open(MemoryAccounting& accounting, const std::string& path,
                                             const OpenOptions& options = {});

// Stages four to six of a plan that fits: load, context, warm-up, seal.
void make_ready(Instance& instance, const OpenOptions& options, plan::Store* store);

// A prompt as the model wants it: engine::prompt_tokens() of a text whose special tokens are read as such.
[[nodiscard]] std::vector<engine::Token> tokenize_prompt(const engine::Model& model, std::string_view text);

}  // namespace plimsoll::run
