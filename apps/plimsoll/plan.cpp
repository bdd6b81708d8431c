// plimsoll plan: what models would take, line by line, before anything is taken.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <functional>
#include <iterator>
#include <memory>
#include <utility>

#include <nlohmann/json.hpp>
#include <plimsoll/base/error.hpp>
#include "dry_run/dry_run_process.hpp"
#include "host/fleet_planner.hpp"
#include "plan/comparison.hpp"
#include "plan/plan_json.hpp"
#include "plan/plan_table.hpp"

#include "commands.hpp"
#include "exit_status.hpp"
#include "fleet_options.hpp"
#include "interrupt.hpp"
#include "model_file_names.hpp"
#include "opening.hpp"
#include "remote_models.hpp"

namespace plimsoll::app {
namespace {

// Sentences may name files whose names are no UTF-8.
constexpr auto kReplace = nlohmann::ordered_json::error_handler_t::replace;

struct PlanOptions {
  ModelOptions model;
  std::vector<std::string> sources;  // a fleet file or a folder of models, or addresses of models on other machines
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
int run_fleet(const GlobalOptions& global, const PlanOptions& options, plan::Planner& planner,
              broker::MachineLedger* machine) {
  if (options.model.has("--model"))
    throw Error(ErrorCode::usage, "a fleet file names its own models: --model cannot stand beside it");
  if (options.fit)
    throw Error(ErrorCode::usage, "--fit cannot stand beside a fleet file: a fleet is planned as it is written");
  const std::string& source = options.sources.front();
  const host::Fleet fleet = std::filesystem::is_directory(source) ? fleet_of_sources({source}, options.model, {})
                                                                  : fleet_of(source, options.model);
  const host::FleetPlan answer = host::plan_fleet(fleet, planner, {.machine = machine});
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

// What models are planned with.
struct Planning {
  plan::Planner& planner;
  broker::MachineLedger* machine;
  RemoteModels* remote = nullptr;  // where models were named on other machines

  [[nodiscard]] plan::PlannerOptions settings(const PlanOptions& options) const {
    plan::PlannerOptions settings = planner_options(options.model);
    settings.machine = machine;
    return settings;
  }
};

// One or more models, judged together.
int run_models(const GlobalOptions& global, const PlanOptions& options, const std::vector<plan::Request>& wanted,
               const Planning& planning) {
  const plan::PlannerOptions settings = planning.settings(options);
  plan::Planner& planner = planning.planner;
  const RemoteModels* const remote = planning.remote;
  plan::Plan plan = options.fit ? planner.fit(wanted, settings) : planner.plan(wanted, settings);
  const std::vector<host::TemplateRemark> templates = templates_of(wanted, options);
  if (remote != nullptr) {
    for (plan::ModelPlan& model : plan.models) {
      for (std::string* path : {&model.request.model.path, &model.request.projector.path})
        *path = remote->with_addresses(std::move(*path));
    }
  }
  if (global.json) {
    nlohmann::ordered_json json = plan::to_json(plan, tracker::mode());
    json["templates"] = host::to_json(templates);
    if (remote != nullptr) json["remote"] = remote->to_json();
    fmt::print("{}\n", json.dump(2, ' ', false, kReplace));
  } else {
    fmt::print("{}{}", plan::to_table(plan), host::to_text(templates));
    if (remote != nullptr) fmt::print("{}", remote->remarks());
    if (options.explain) print_explanation(plan.explanation, planner);
  }
  if (plan.fits()) return done;
  fmt::print(stderr, "plimsoll: this does not fit\n");
  return refused;
}

plan::Compared compared(RemoteModel& model, const PlanOptions& options, const Planning& planning) {
  RemoteModels& remote = *planning.remote;
  remote.try_to_read(model);
  plan::Compared one{
      .name = model.file, .file = model.header ? model.header->model : model.bytes, .unusable = model.why};
  if (!model.header) return one;
  ModelOptions own = options.model;
  own.given["--model"] = {model.header->path};
  try {
    one.plan = planning.planner.plan(requests(own, 1), planning.settings(options));
    one.plan->models.front().request.model.path = model.address;
  } catch (const Error& error) {
    if (error.code() != ErrorCode::model_unusable && error.code() != ErrorCode::unsupported) throw;
    one.unusable = Error(error.code(), remote.with_addresses(error.what()), error.numbers());
  }
  return one;
}

// Several quantisations of which one is to be chosen.
int run_comparison(const GlobalOptions& global, const PlanOptions& options, std::vector<RemoteModel> models,
                   const Planning& planning) {
  if (options.fit) throw Error(ErrorCode::usage, "--fit goes with one model: name a file behind the last colon");
  std::vector<plan::Compared> all;
  for (RemoteModel& model : models) all.push_back(compared(model, options, planning));
  if (global.json) {
    nlohmann::ordered_json json = plan::to_json(all, tracker::mode());
    json["remote"] = planning.remote->to_json();
    fmt::print("{}\n", json.dump(2, ' ', false, kReplace));
  } else {
    fmt::print("{}{}", plan::to_table(all), planning.remote->remarks());
  }
  if (plan::largest_that_fits(all) != nullptr) return done;
  fmt::print(stderr, "plimsoll: none of them fits\n");
  return refused;
}

std::vector<plan::Request> wanted_of(const PlanOptions& options) {
  constexpr std::size_t kMany = 1000;
  const auto settings = planner_options(options.model);
  std::vector<plan::Request> wanted = requests(options.model, kMany);
  if (!options.draft.model.empty()) {
    if (wanted.size() != 1) throw Error(ErrorCode::usage, "--model-draft goes with one --model");
    wanted.push_back(*draft_request(options.draft, wanted.front()));
  }
  require_used_budgets(settings.budgets, wanted);
  return wanted;
}

// Of the flags that name files; each is read where it names an address.
constexpr std::array kFileFlags{"--model", "--mmproj", "--lora"};

// Reads the headers of what is named on other machines; afterwards the options name local files.
int run_remote(const GlobalOptions& global, PlanOptions options, Planning planning) {
  RemoteModels remote(interrupts());
  planning.remote = &remote;
  try {
    std::vector<std::string>& named = options.model.given["--model"];
    named.append_range(std::exchange(options.sources, {}));
    if (named.size() == 1 && remote::is_remote(named.front())) {
      std::vector<RemoteModel> models = remote.find(named.front());
      if (models.size() > 1) return run_comparison(global, options, std::move(models), planning);
    }
    const auto read = [&](std::string& path) {
      if (remote::is_remote(path)) path = remote.read_one(path);
    };
    for (const char* flag : kFileFlags) {
      if (options.model.has(flag)) std::ranges::for_each(options.model.given[flag], read);
    }
    read(options.draft.model);
    return run_models(global, options, wanted_of(options), planning);
  } catch (const Error& error) {
    throw Error(error.code(), remote.with_addresses(error.what()), error.numbers());
  }
}

bool names_remote(const PlanOptions& options) {
  const auto any = [](const std::vector<std::string>& paths) { return std::ranges::any_of(paths, remote::is_remote); };
  return any(options.sources) || remote::is_remote(options.draft.model) ||
         std::ranges::any_of(kFileFlags, [&](const char* flag) { return any(options.model.all(flag)); });
}

// A model's file may be named without --model.
void take_model_files(PlanOptions& options) {
  const auto is_model = [](const std::string& source) { return !remote::is_remote(source) && is_gguf_name(source); };
  const auto models = std::ranges::stable_partition(options.sources, std::not_fn(is_model));
  std::ranges::copy(models, std::back_inserter(options.model.given["--model"]));
  options.sources.erase(models.begin(), models.end());
}

int run(const GlobalOptions& global, PlanOptions options) {
  take_model_files(options);
  const bool is_fleet = !options.sources.empty() && !std::ranges::all_of(options.sources, remote::is_remote);
  if (is_fleet && options.sources.size() > 1)
    throw Error(ErrorCode::usage,
                "it takes models' files (.gguf), one fleet file or folder, or addresses of models (https://…, hf:…)");
  const bool is_remote = names_remote(options);
  std::vector<plan::Request> wanted;
  if (!is_fleet && !is_remote) wanted = wanted_of(options);

  // Nothing of the engine runs in this process: a file that makes it give up costs the child, and only one of the two
  // starts the backends. The child ends when this process does and is not waited for: the threads of the driver in it
  // are batch-scheduled, and on a busy machine their end was seen to take 0.04 to 2.5 s.
  static dry_run::DryRunProcess& dry_runs = *new dry_run::DryRunProcess;
  dry_runs.start();
  plan::Store store;
  plan::Planner planner(dry_runs, store);
  const std::shared_ptr<broker::MachineLedger> machine = join_machine("plan");
  if (is_fleet) return run_fleet(global, options, planner, machine.get());
  const Planning planning{.planner = planner, .machine = machine.get()};
  if (is_remote) return run_remote(global, options, planning);
  return run_models(global, options, wanted, planning);
}

}  // namespace

void add_plan(CLI::App& app, GlobalOptions& global, int& status) {
  CLI::App* command = app.add_subcommand("plan", "What models would take, to the byte, before anything is taken");
  auto options = std::make_shared<PlanOptions>();
  command
      ->add_option("source", options->sources,
                   "Models' files (.gguf). Or a fleet file (TOML) or a folder of models: plan all of them, and who "
                   "goes for whom. Or "
                   "models on other machines, of which "
                   "the headers alone are read: https://HOST/MODEL.gguf, hf:OWNER/REPO:FILE, hf:OWNER/REPO (all of its "
                   "models side by side)")
      ->take_all();
  add_model_options(*command, options->model);
  add_draft_options(*command, options->draft);
  command->add_flag("--explain", options->explain, "Say where each number comes from");
  command->add_flag("--fit", options->fit, "Where it does not fit, plan the nearest configuration that does");
  add_json(*command, global);
  command->callback([&global, &status, options] { status = run(global, *options); });
}

}  // namespace plimsoll::app
