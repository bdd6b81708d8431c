// plimsoll plan: what models would take, line by line, before anything is taken.
#include <fmt/format.h>

#include <memory>

#include <plimsoll/gauge/survey_process.hpp>
#include <plimsoll/plan/plan_json.hpp>
#include <plimsoll/plan/plan_table.hpp>

#include "commands.hpp"
#include "exit_status.hpp"

namespace plimsoll::app {
namespace {

struct PlanOptions {
  ModelOptions model;
  DraftOptions draft;
  bool explain = false;
  bool fit = false;
};

int run(const GlobalOptions& global, const PlanOptions& options) {
  constexpr std::size_t kMany = 1000;
  auto wanted = requests(options.model, kMany);
  auto settings = planner_options(options.model);
  if (!options.draft.model.empty()) {
    if (wanted.size() > 1) throw Error(ErrorCode::usage, "--model-draft goes with one --model");
    wanted.push_back(*draft_request(options.draft, wanted.front()));
    settings.sharing = plan::Sharing::none;  // the one computes between the other's steps
  }
  if (options.fit && wanted.size() > 1) throw Error(ErrorCode::usage, "--fit changes one model at a time; name one");

  // Nothing of the engine runs in this process: a file that makes it give up costs the child, and only one of the two
  // starts the backends. The child ends when this process does (PR_SET_PDEATHSIG) and is not waited for: the threads of
  // the driver in it are batch-scheduled, and on a busy machine their end was seen to take 0.04 to 2.5 s.
  static gauge::SurveyProcess& surveys = *new gauge::SurveyProcess;
  surveys.start();
  plan::Store store;
  plan::Planner planner(surveys, store);
  const plan::Plan plan = options.fit ? planner.fit(wanted.front(), settings) : planner.plan(wanted, settings);

  if (global.json) {
    fmt::print("{}\n", plan::to_json(plan, gauge::mode()).dump(2));
  } else {
    fmt::print("{}", plan::to_table(plan));
    if (options.explain) {
      fmt::print("\n  How these numbers came about ({} surveyed now, {} remembered):\n", planner.surveys_made(),
                 planner.surveys_remembered());
      for (const std::string& sentence : plan.explanation) fmt::print("    {}\n", sentence);
    }
  }
  if (plan.fits()) return done;
  fmt::print(stderr, "plimsoll: this does not fit\n");
  return refused;
}

}  // namespace

void add_plan(CLI::App& app, GlobalOptions& global, int& status) {
  CLI::App* command = app.add_subcommand("plan", "What models would take, to the byte, before anything is taken");
  auto options = std::make_shared<PlanOptions>();
  add_model_options(*command, options->model);
  add_draft_options(*command, options->draft);
  command->add_flag("--explain", options->explain, "Say where each number comes from");
  command->add_flag("--fit", options->fit, "Where it does not fit, plan the nearest configuration that does");
  add_json(*command, global);
  command->callback([&global, &status, options] { status = run(global, *options); });
}

}  // namespace plimsoll::app
