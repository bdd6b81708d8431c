#include "opening.hpp"

#include <fmt/format.h>

#include <plimsoll/base/error.hpp>
#include "base/clock.hpp"
#include "broker/machine_ledger.hpp"
#include "dry_run/dry_run_process.hpp"
#include "host/making_room.hpp"
#include "plan/plan_json.hpp"
#include "plan/plan_table.hpp"
#include "run/speculative.hpp"

#include "exit_status.hpp"
#include "interrupt.hpp"

namespace plimsoll::app {
namespace {

// Runs one stage, timed and announced.
template <class Stage>
double timed(Progress& progress, const char* done, Stage&& stage) {
  const Stopwatch watch;
  stage();
  const double ms = watch.elapsed_ms();
  progress.done(fmt::format("{} ({:.1f} s)", done, ms / 1000));
  return ms;
}

// Touching a large host buffer takes seconds in which nothing else is said.
class PrefaultShown {
 public:
  PrefaultShown(tracker::Tracker& tracker, Progress& progress) : tracker_(tracker) {
    tracker_.set_prefault_progress([&progress](const std::string& owner, Bytes done, Bytes of) {
      progress.show(fmt::format("taking {} of host memory for {}", format_bytes(of), owner),
                    static_cast<double>(done.value()) / static_cast<double>(of.value()));
    });
  }
  ~PrefaultShown() { tracker_.set_prefault_progress({}); }
  PrefaultShown(const PrefaultShown&) = delete;
  PrefaultShown& operator=(const PrefaultShown&) = delete;

 private:
  tracker::Tracker& tracker_;
};

StageFigures make_ready(run::MemoryAccounting& accounting, run::Instance& instance, plan::Store& store,
                        const OpeningOptions& options, const std::function<void(run::Instance&)>& check_loaded) {
  Progress progress(options.progress);
  const PrefaultShown prefault(accounting.tracker(), progress);
  StageFigures figures;
  const std::stop_token stop = interrupts();

  figures.load_ms = timed(progress, "weights loaded", [&] {
    instance.load([&](float fraction) { progress.show("loading " + instance.name(), fraction); }, stop);
    if (check_loaded) check_loaded(instance);
  });
  figures.after_weights = instance.snapshot();
  figures.context_ms = timed(progress, "context created", [&] { instance.create_context(); });
  figures.after_context = instance.snapshot();
  run::WarmUpOptions warm_up;
  warm_up.depth = options.warm_up;
  warm_up.stop = stop;
  warm_up.progress = [&](const run::WarmUpStep& step, std::size_t done, std::size_t of) {
    progress.show(fmt::format("warming up, sweep {}: {}", step.sweep, step.name),
                  static_cast<double>(done) / static_cast<double>(of));
  };
  figures.warm_up_ms = timed(progress, "warmed up", [&] { (void)instance.warm_up(std::move(warm_up), &store); });
  instance.seal();
  progress.done("sealed");
  figures.ready = instance.snapshot();
  return figures;
}

// Dry runs in a child process, so that a file that makes the engine give up ends in exit status 4.
plan::Plan plan_one(const plan::Request& request, const plan::PlannerOptions& budgets, const OpeningOptions& options,
                    plan::Store& store) {
  std::vector<plan::Request> requests{request};
  if (options.draft) requests.push_back(*options.draft);  // of no compute group: it computes between the other's steps
  require_used_budgets(budgets.budgets, requests);
  dry_run::DryRunProcess dry_runs({program_path(), "dry-run-worker"});
  plan::Planner planner(dry_runs, store);
  return options.fit ? planner.fit(requests, budgets) : planner.plan(requests, budgets);
}

}  // namespace

std::shared_ptr<broker::MachineLedger> join_machine(const char* program) {
  return broker::MachineLedger::open({.program = program, .path = {}});
}

void add_opening_flags(CLI::App& command, OpeningFlags& flags) {
  command.add_option("--warm-up", flags.warm_up, kWarmUpDepths)->envname("PLIMSOLL_WARM_UP")->capture_default_str();
  command.add_flag("--fit", flags.fit, "Where it does not fit, use the nearest configuration that does")
      ->envname("PLIMSOLL_FIT");
}

OpeningOptions opening_options(const ModelOptions& model, const OpeningFlags& flags, const char* program) {
  const auto depth = run::warm_up_depth_from_string(flags.warm_up);
  if (!depth)
    throw Error(ErrorCode::usage,
                fmt::format("--warm-up does not know '{}'; it takes {}", flags.warm_up, kWarmUpDepths));
  return {.fit = flags.fit, .warm_up = *depth, .prefault = !model.has("--no-prefault"), .program = program};
}

Opened open(const plan::Request& request, const plan::PlannerOptions& budgets, const OpeningOptions& options,
            const std::function<void(run::Instance&)>& check_loaded) {
  Opened opened;
  opened.store = std::make_unique<plan::Store>();
  opened.machine = join_machine(options.program);
  plan::PlannerOptions planning = budgets;
  planning.machine = opened.machine.get();
  opened.plan = plan_one(request, planning, options, *opened.store);
  // Where only other processes are in the way, their idle models may go.
  constexpr int kMostTries = 3;
  for (int tries = 0;
       tries < kMostTries && !opened.plan.fits() && host::make_room(*opened.machine, opened.plan.devices, interrupts());
       ++tries)
    opened.plan = plan_one(request, planning, options, *opened.store);
  if (!opened.plan.fits()) return opened;
  opened.accounting = std::make_unique<run::MemoryAccounting>(opened.machine);
  opened.accounting->set_prefault(options.prefault);
  opened.accounting->set_budgets(opened.plan.devices);
  opened.instance =
      std::make_unique<run::Instance>(*opened.accounting, opened.plan.models.front(), opened.plan.devices);
  if (options.draft) {
    opened.draft = std::make_unique<run::Instance>(*opened.accounting, opened.plan.models.back(), opened.plan.devices);
    // First, so that what the target is measured by from its readiness on is the target's.
    (void)make_ready(*opened.accounting, *opened.draft, *opened.store, options, {});
  }
  opened.figures = make_ready(*opened.accounting, *opened.instance, *opened.store, options, [&](run::Instance& loaded) {
    if (opened.draft) run::require_draft(*loaded.model(), loaded.name(), *opened.draft->model(), opened.draft->name());
    if (check_loaded) check_loaded(loaded);
  });
  return opened;
}

int report_refusal(const plan::Plan& plan, bool json) {
  if (json) {
    fmt::print("{}\n", plan::to_json(plan, tracker::mode()).dump(2));
  } else {
    fmt::print(stderr, "{}", plan::to_table(plan));
  }
  fmt::print(stderr, "plimsoll: this does not fit\n");
  return refused;
}

}  // namespace plimsoll::app
