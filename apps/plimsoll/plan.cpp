// plimsoll plan: what models would take, line by line, before anything is taken.
#include <fmt/format.h>

#include <memory>

#include <plimsoll/base/error.hpp>
#include "dry_run/dry_run_process.hpp"
#include "host/fleet_planner.hpp"
#include "plan/plan_json.hpp"
#include "plan/plan_table.hpp"

#include "commands.hpp"
#include "exit_status.hpp"
#include "fleet_options.hpp"
#include "opening.hpp"

namespace plimsoll::app {
namespace {

// Sentences may name files whose names are no UTF-8.
constexpr auto kReplace = nlohmann::ordered_json::error_handler_t::replace;

struct PlanOptions {
  ModelOptions model;
  std::string fleet;
  DraftOptions draft;
  bool explain = false;
  bool fit = false;
};

void print_explanation(const std::vector<std::string>& sentences, const plan::Planner& planner) {
  fmt::print("\n  How these numbers came about ({} tried by a dry run now, {} remembered):\n", planner.dry_runs_made(),
             planner.dry_runs_remembered());
  for (const std::string& sentence : sentences) fmt::print("    {}\n", sentence);
}

// All models of a fleet: which fit together, and who goes for whom.
int run_fleet(const GlobalOptions& global, const PlanOptions& options, plan::Planner& planner) {
  if (options.model.has("--model"))
    throw Error(ErrorCode::usage, "a fleet file names its own models: --model cannot stand beside it");
  if (options.fit)
    throw Error(ErrorCode::usage, "--fit cannot stand beside a fleet file: a fleet is planned as it is written");
  const host::Fleet fleet = fleet_of(options.fleet, options.model);
  const host::FleetPlan answer = host::plan_fleet(fleet, planner);
  if (global.json) {
    fmt::print("{}\n", host::to_json(answer, tracker::mode()).dump(2, ' ', false, kReplace));
  } else {
    fmt::print("{}", host::to_table(answer));
    if (options.explain) print_explanation(answer.explanation, planner);
  }
  for (const host::CannotBeUsed& one : answer.unusable)
    fmt::print(stderr, "plimsoll: '{}' cannot be used: {}\n", one.name, one.why.what());
  if (!answer.unusable.empty()) return exit_status(answer.unusable.front().why.code());
  if (answer.never.empty()) return done;
  fmt::print(stderr, "plimsoll: not every model of this fleet fits, even alone\n");
  return refused;
}

// Of the models, as they would chat; a draft does not.
std::vector<host::TemplateRemark> templates_of(const std::vector<plan::Request>& wanted, const PlanOptions& options) {
  host::Fleet fleet;
  const std::string chosen = chat_template(options.model);
  for (const plan::Request& request : wanted) fleet.models.push_back({.request = request, .chat_template = chosen});
  if (!options.draft.model.empty()) fleet.models.pop_back();
  return host::template_remarks(fleet);
}

int run(const GlobalOptions& global, const PlanOptions& options) {
  constexpr std::size_t kMany = 1000;
  auto settings = planner_options(options.model);
  std::vector<plan::Request> wanted;
  if (options.fleet.empty()) wanted = requests(options.model, kMany);
  if (!options.draft.model.empty()) {
    if (wanted.size() != 1) throw Error(ErrorCode::usage, "--model-draft goes with one --model");
    wanted.push_back(*draft_request(options.draft, wanted.front()));
  }

  require_used_budgets(settings.budgets, wanted);

  // Nothing of the engine runs in this process: a file that makes it give up costs the child, and only one of the two
  // starts the backends. The child ends when this process does (PR_SET_PDEATHSIG) and is not waited for: the threads of
  // the driver in it are batch-scheduled, and on a busy machine their end was seen to take 0.04 to 2.5 s.
  static dry_run::DryRunProcess& dry_runs = *new dry_run::DryRunProcess;
  dry_runs.start();
  plan::Store store;
  plan::Planner planner(dry_runs, store);
  if (!options.fleet.empty()) return run_fleet(global, options, planner);
  const std::shared_ptr<broker::MachineLedger> machine = join_machine("plan");
  settings.machine = machine.get();
  const plan::Plan plan = options.fit ? planner.fit(wanted, settings) : planner.plan(wanted, settings);

  const std::vector<host::TemplateRemark> templates = templates_of(wanted, options);
  if (global.json) {
    nlohmann::ordered_json json = plan::to_json(plan, tracker::mode());
    json["templates"] = host::to_json(templates);
    fmt::print("{}\n", json.dump(2, ' ', false, kReplace));
  } else {
    fmt::print("{}{}", plan::to_table(plan), host::to_text(templates));
    if (options.explain) print_explanation(plan.explanation, planner);
  }
  if (plan.fits()) return done;
  fmt::print(stderr, "plimsoll: this does not fit\n");
  return refused;
}

}  // namespace

void add_plan(CLI::App& app, GlobalOptions& global, int& status) {
  CLI::App* command = app.add_subcommand("plan", "What models would take, to the byte, before anything is taken");
  auto options = std::make_shared<PlanOptions>();
  command->add_option("fleet", options->fleet, "Fleet file (TOML): plan all its models, and who goes for whom");
  add_model_options(*command, options->model);
  add_draft_options(*command, options->draft);
  command->add_flag("--explain", options->explain, "Say where each number comes from");
  command->add_flag("--fit", options->fit, "Where it does not fit, plan the nearest configuration that does");
  add_json(*command, global);
  command->callback([&global, &status, options] { status = run(global, *options); });
}

}  // namespace plimsoll::app
