#include "run/open.hpp"

#include <fmt/format.h>

#include <plimsoll/base/error.hpp>
#include "base/utf8.hpp"
#include "dry_run/local_dry_runs.hpp"
#include "engine/prompt_tokens.hpp"
#include "plan/budget_requests.hpp"
#include "plan/refusal.hpp"

namespace plimsoll::run {

void make_ready(Instance& instance, const OpenOptions& options, plan::Store* store) {
  instance.load(options.load_progress, options.stop);
  instance.create_context();
  WarmUpOptions warm_up = options.warm_up;
  warm_up.stop = options.stop;
  (void)instance.warm_up(std::move(warm_up), store);
  instance.seal();
}

std::unique_ptr<Instance> open(MemoryAccounting& accounting, const std::string& path, const OpenOptions& options) {
  if (options.require_enforcing) tracker::require_enforcing();
  memory::Owner owner = options.name.empty() ? accounting.owners().claim_numbered(name_of_file(path))
                                             : accounting.owners().claim(options.name);
  plan::Request request{.name = owner.name(),
                        .dry_run = {.model = options.model,
                                    .context = options.context,
                                    .adapters = options.adapters,
                                    .control_vector = options.control_vector,
                                    .projector = options.projector}};
  request.dry_run.model.path = path;

  for (const auto& wrong : {plan::contradiction(options.planner.budgets), plan::contradiction(options.planner.runtime),
                            plan::budget_without_use(options.planner.budgets, {request})}) {
    if (wrong) throw Error(ErrorCode::usage, *wrong);
  }
  dry_run::LocalDryRuns dry_runs;
  plan::Store store;
  plan::PlannerOptions planning = options.planner;
  planning.budgets = accounting.budgets_with(options.planner.budgets);
  planning.ours = accounting.committed();
  planning.alternatives = false;
  planning.machine = &accounting.machine();
  plan::Plan plan = plan::Planner(dry_runs, store).plan({request}, planning);
  if (!plan.fits()) throw plan::refused(fmt::format("'{}' does not fit", plan.models.front().name), plan.devices);

  accounting.set_budgets(plan.devices);
  auto instance =
      std::make_unique<Instance>(accounting, std::move(plan.models.front()), plan.devices, Sharing{}, std::move(owner));
  make_ready(*instance, options, &store);
  return instance;
}

std::vector<engine::Token> tokenize_prompt(const engine::Model& model, std::string_view text) {
  return engine::prompt_tokens(model, text);
}

}  // namespace plimsoll::run
