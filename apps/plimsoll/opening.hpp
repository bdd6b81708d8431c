// Opening: from a request on the command line to a sealed instance, with progress and everything a report wants to
// know.
#pragma once
#include <memory>
#include <optional>

#include "plan/planner.hpp"
#include "run/open.hpp"

#include "options.hpp"
#include "progress.hpp"

namespace plimsoll::broker {
class MachineLedger;
}

namespace plimsoll::app {

struct OpeningOptions {
  bool fit = false;
  std::optional<plan::Request> draft{};  // a model that proposes what the first one then checks
  run::WarmUpDepth warm_up = run::WarmUpDepth::automatic;
  Progress::Style progress = Progress::Style::automatic;
  bool prefault = true;  // host memory is touched as it is taken
  const char* program = "plimsoll";
};

// This process's place in the machine's ledger.
[[nodiscard]] std::shared_ptr<broker::MachineLedger> join_machine(const char* program);

// The flags of how a model is made ready.
struct OpeningFlags {
  std::string warm_up = "auto";
  bool fit = false;
};
// The value of --warm-up.
inline constexpr const char* kWarmUpDepths = "auto, full, quick or none";
void add_opening_flags(CLI::App& command, OpeningFlags& flags);
// `program`: what `plimsoll ps` calls this process. Throws Error{usage}.
[[nodiscard]] OpeningOptions opening_options(const ModelOptions& model, const OpeningFlags& flags, const char* program);

// What the stages took and left behind.
struct StageFigures {
  run::LedgerSnapshot after_weights;
  run::LedgerSnapshot after_context;
  run::LedgerSnapshot ready;
  double load_ms = 0;
  double context_ms = 0;
  double warm_up_ms = 0;
};

// Everything in the order in which it must go again.
struct Opened {
  std::unique_ptr<plan::Store> store;
  std::shared_ptr<broker::MachineLedger> machine;
  std::unique_ptr<run::MemoryAccounting> accounting;
  plan::Plan plan;
  std::unique_ptr<run::Instance> instance;  // empty: refused
  std::unique_ptr<run::Instance> draft;     // where one was asked for
  StageFigures figures;
};

// Plans (target and draft as one), and where it fits reserves both, loads, warms up and seals. Throws what the stages
// throw; Error{cancelled} on Ctrl-C. `check_loaded` is run once the weights are there and nothing else is: the place
// for cheap refusals.
[[nodiscard]] Opened open(const plan::Request& request, const plan::PlannerOptions& budgets,
                          const OpeningOptions& options, const std::function<void(run::Instance&)>& check_loaded = {});

// Prints the refused plan (JSON on stdout, else a table on stderr) and a sentence; answers exit status 3.
int report_refusal(const plan::Plan& plan, bool json);

}  // namespace plimsoll::app
