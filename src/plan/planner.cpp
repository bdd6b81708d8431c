#include "plan/planner.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <plimsoll/base/error.hpp>
#include "base/log.hpp"
#include "broker/machine_ledger.hpp"
#include "dry_run/request_files.hpp"
#include "plan/budget_requests.hpp"
#include "plan/others.hpp"
#include "plan/runtime_floor.hpp"

#include "cells_entry.hpp"
#include "placement.hpp"
#include "runtime_estimate.hpp"
#include "search.hpp"
#include "split.hpp"

namespace plimsoll::plan {
namespace {

constexpr std::size_t kMostAlternatives = 3;
// A search for alternatives: so often it says that it goes on, and so long. A dry run takes tens of milliseconds, with
// contexts of many millions of tokens seconds.
constexpr std::chrono::seconds kSayEvery{10};
constexpr std::chrono::seconds kMostSearching{60};

void check_is_device(const char* what, const device::DeviceId& device,
                     const std::vector<dry_run::DeviceView>& devices) {
  if (std::ranges::any_of(devices, [&](const dry_run::DeviceView& view) { return view.info.id == device; })) return;
  throw Error(ErrorCode::usage,
              fmt::format("a {} was asked for on '{}', but there is no such device; 'plimsoll devices' lists them",
                          what, device.name()));
}

void check_devices_are_there(const PlannerOptions& options, const std::vector<dry_run::DeviceView>& devices) {
  for (const memory::BudgetRequest& budget : options.budgets) {
    if (budget.device) check_is_device("budget", *budget.device, devices);
  }
  for (const RuntimeRequest& runtime : options.runtime) check_is_device("runtime", runtime.device, devices);
}

const device::DeviceId& memory_of(const device::DeviceId& id, const std::vector<dry_run::DeviceView>& devices) {
  const auto view =
      std::ranges::find_if(devices, [&](const dry_run::DeviceView& candidate) { return candidate.info.id == id; });
  return view == devices.end() ? id : view->info.memory();
}

// A budget for one device of a card holds for all devices of that card.
std::vector<memory::BudgetRequest> budgets_of_memories(std::vector<memory::BudgetRequest> budgets,
                                                       const std::vector<dry_run::DeviceView>& devices) {
  for (memory::BudgetRequest& budget : budgets) {
    if (budget.device) budget.device = device::DeviceId{memory_of(*budget.device, devices)};
  }
  return budgets;
}

}  // namespace

const Clock& Planner::system_clock() {
  static const SystemClock clock;
  return clock;
}

bool Planner::readings_are_old() const {
  // A clock that was set back makes them old, too.
  return devices_.empty() || clock_.now() - read_at_ > kOldestReading || clock_.now() < read_at_;
}

const std::vector<dry_run::DeviceView>& Planner::devices(const broker::MachineLedger* machine) {
  if (!readings_are_old() && (machine == nullptr || before_reading_)) return devices_;
  read_at_ = clock_.now();
  before_reading_ = machine == nullptr ? std::nullopt : std::optional(machine->moment());
  devices_ = dry_runs_.devices();
  return devices_;
}

// Devices as a remembered dry run was made on them.
std::vector<std::string> Planner::device_names(const broker::MachineLedger* machine) {
  std::vector<std::string> names;
  for (const dry_run::DeviceView& view : devices(machine)) {
    names.push_back(fmt::format("{} {} {}", view.info.id.name(), view.info.description,
                                view.reading.total.value_or(Bytes{}).value()));
  }
  return names;
}

// `files`: as they were before. What was asked about a file that changed meanwhile is remembered of neither.
dry_run::DryRun Planner::dry_run(const dry_run::DryRunRequest& request, const std::string& files,
                                 const broker::MachineLedger* machine) {
  if (auto remembered = store_.find_dry_run(request, files);
      remembered && remembered->devices == device_names(machine)) {
    ++remembered_;
    return std::move(remembered->dry_run);
  }
  dry_run::DryRun dry_run = dry_runs_.dry_run(request);
  ++made_;
  if (dry_run::files_of(request) == files) store_.keep_dry_run(request, files, dry_run, device_names(machine));
  return dry_run;
}

RuntimeFigure Planner::runtime_of(const device::DeviceId& device, const dry_run::DryRun& dry_run,
                                  const std::vector<RuntimeRequest>& given, const broker::MachineLedger* machine) {
  if (const auto bytes = runtime_asked_for(given, device)) return {.bytes = *bytes, .source = Source::given};
  const std::vector<dry_run::DeviceView>& views = devices(machine);
  const auto view =
      std::ranges::find_if(views, [&](const dry_run::DeviceView& candidate) { return candidate.info.id == device; });
  if (view == views.end()) return {.bytes = Bytes{}, .source = Source::estimated};
  return runtime_figure(store_.find_runtime(runtime_key(*view, dry_run)), estimated_runtime(view->info, dry_run),
                        runtime_floor(view->info, store_.find_runtime(context_key(*view))));
}

ModelPlan Planner::plan_model(Request request, const std::vector<DeviceState>& states, const PlannerOptions& options) {
  request.dry_run.model = with_fixed_split(std::move(request.dry_run.model), states);
  const std::string files = dry_run::files_of(request.dry_run);
  const dry_run::DryRun answer = dry_run(request.dry_run, files, options.machine);
  for (const RuntimeRequest& one : request.runtime) check_is_device("runtime", one.device, devices(options.machine));
  std::vector<RuntimeRequest> given = options.runtime;  // the last one that names the device counts
  given.append_range(request.runtime);
  std::vector<std::pair<device::DeviceId, RuntimeFigure>> runtime;
  for (const device::DeviceId& device : computing_devices(answer))
    runtime.emplace_back(device, runtime_of(device, answer, given, options.machine));
  ModelPlan plan = lay_out(request, answer, runtime);
  add_cells(plan);
  plan.files = files;
  return plan;
}

namespace {

bool is_about_one_model(ErrorCode code) {
  return code == ErrorCode::model_unusable || code == ErrorCode::io || code == ErrorCode::unsupported ||
         code == ErrorCode::usage;
}

}  // namespace

ModelPlan Planner::plan_or_skip(const Request& request, const std::vector<DeviceState>& states,
                                const PlannerOptions& options) {
  std::string files = dry_run::files_of(request.dry_run);
  try {
    return plan_model(request, states, options);
  } catch (const Error& error) {
    if (!is_about_one_model(error.code())) throw;
    return {.name = request.name,
            .request = request.dry_run,
            .dry_run = {},
            .entries = {},
            .compute_group = request.compute_group,
            .weights_of = request.weights_of,
            .unusable = error,
            .files = std::move(files)};
  }
}

std::vector<DeviceState> Planner::states(const PlannerOptions& options) {
  const std::vector<dry_run::DeviceView>& views = devices(options.machine);
  check_devices_are_there(options, views);
  const std::vector<memory::BudgetRequest> budgets =
      budgets_of_memories(budgets_of_machine(options.budgets, views), views);
  std::vector<DeviceState> states;
  for (const dry_run::DeviceView& view : views) {
    DeviceState state{.info = view.info, .reading = view.reading, .budget = {}, .ours = {}};
    state.budget = memory::resolve_budget(budgets, view.info, view.reading.total);
    if (state.budget && state.budget->lowered && !std::exchange(told_of_lowered_[view.info.id.name()], true)) {
      log::warn("plan", "the budget on {} was above the device and has been lowered to its {}", view.info.id.name(),
                format_bytes(state.budget->bytes));
    }
    for (const auto& [device, bytes] : options.ours) {
      if (memory_of(device, views) == view.info.memory()) state.ours += bytes;
    }
    states.push_back(std::move(state));
  }
  if (options.machine != nullptr) {
    take_off_others(states, *options.machine, before_reading_.value_or(broker::Moment{}),
                    [](const DeviceState& state) { return state.ours; });
  }
  return states;
}

Plan Planner::plan(const std::vector<Request>& requests, const PlannerOptions& options) {
  std::vector<DeviceState> found = states(options);
  const Clock::TimePoint read_at = read_at_;
  Plan plan;
  plan.models = place(requests, options.group_members, found, [&](const Request& request) {
    return options.skip_unusable ? plan_or_skip(request, found, options) : plan_model(request, found, options);
  });
  // Dry runs take their time, and whoever asked meanwhile has had the devices read again.
  if (readings_are_old() || read_at_ != read_at) found = states(options);
  std::vector<ModelPlan> counted = plan.models;
  counted.insert(counted.end(), options.group_members.begin(), options.group_members.end());
  plan.devices = options.beyond_estimates ? admit_beyond_estimates(counted, found) : admit(counted, found);
  if (!plan.fits() && options.alternatives)
    plan.alternatives = ways_out(requests, plan.models, options, found, kMostAlternatives);
  explain(plan);
  return plan;
}

// What was said of a model's runtime holds for its alternatives as well; a plan does not have it any more.
std::vector<Alternative> Planner::ways_out(const std::vector<Request>& requests, const std::vector<ModelPlan>& refused,
                                           const PlannerOptions& options, const std::vector<DeviceState>& states,
                                           std::size_t most) {
  const auto plan_one = [&](Request request) {
    const auto asked = std::ranges::find(requests, request.name, &Request::name);
    if (asked != requests.end()) request.runtime = asked->runtime;
    return plan_model(std::move(request), states, options);
  };
  const Clock::TimePoint since = clock_.now();
  Clock::TimePoint said = since;
  return search(refused, options.group_members, states, most, plan_one, [&](int tried) {
    const Clock::TimePoint now = clock_.now();
    if (now - since >= kMostSearching) {
      log::warn("plan",
                "the search for what would fit was ended after {} s and {} of the configurations near it; the "
                "same question goes on from there",
                kMostSearching.count(), tried);
      return false;
    }
    if (now - said >= kSayEvery) {
      said = now;
      log::warn("plan", "still looking for what would fit: {} configurations tried", tried);
    }
    return true;
  });
}

Plan Planner::fit(const std::vector<Request>& requests, const PlannerOptions& options) {
  PlannerOptions quiet = options;
  quiet.alternatives = false;
  Plan asked = plan(requests, quiet);
  if (asked.fits()) return asked;
  asked.alternatives = ways_out(requests, asked.models, options, states(options), 1);
  if (asked.alternatives.empty()) return asked;
  const Alternative chosen = asked.alternatives.front();
  std::vector<Request> fitting = requests;
  for (std::size_t i = 0; i < fitting.size(); ++i) fitting[i].dry_run = chosen.requests[i];
  Plan fitted = plan(fitting, quiet);
  for (const Change& change : chosen.changes) {
    fitted.explanation.insert(
        fitted.explanation.begin(),
        fmt::format("fit: {} changed from {} to {} ({})", change.param, change.from, change.to, chosen.cost));
  }
  return fitted;
}

namespace {

std::string less_others(const DeviceState& state) {
  std::string out;
  if (state.promised_to_others > Bytes{})
    out += fmt::format(", less {} promised to other processes", format_bytes(state.promised_to_others));
  if (state.held_back > Bytes{})
    out += fmt::format(", less {} beyond the budget that they share", format_bytes(state.held_back));
  return out;
}

const char* why_of(const Entry& entry) {
  if (!entry.charged) return "page cache over the mapped file, counted against no budget";
  if (entry.source == Source::exact) return "asked of the engine without taking it; the same call that will take it";
  if (entry.source == Source::calibrated) return "measured at an earlier warm-up on this device, driver and engine";
  if (entry.source == Source::given) return "as it was given (--runtime)";
  if (!is_backends_runtime(entry))
    return "a rule of thumb for what the engine writes down of the cells of the KV cache; no warm-up measures it";
  return "a rule of thumb for this backend until a warm-up has measured it";
}

void explain_model(const ModelPlan& model, std::vector<std::string>& explanation) {
  if (model.unusable) {
    explanation.push_back(fmt::format("{}: cannot be used: {}", model.name, model.unusable->what()));
    return;
  }
  const engine::ContextFacts& context = model.dry_run.context;
  explanation.push_back(
      fmt::format("{}: {} tokens of context asked of the engine, {} made: {} for each of {} sequences", model.name,
                  model.request.context.n_ctx ? std::to_string(*model.request.context.n_ctx) : "default", context.n_ctx,
                  context.n_ctx_seq, context.n_seq_max));
  if (model.request.model.tensor_split.size() > 1)
    explanation.push_back(fmt::format("{}: its layers are shared out as {} over {}", model.name,
                                      fmt::join(model.request.model.tensor_split, ":"),
                                      fmt::join(model.request.model.devices, ", ")));
  for (const Entry& entry : model.entries)
    explanation.push_back(fmt::format("{}: {} of {} on {} ({}): {}", model.name, format_bytes(entry.bytes),
                                      memory::to_string(entry.stage), entry.device.name(), entry.buffer,
                                      why_of(entry)));
}

std::string verdict_text(const DeviceVerdict& verdict) {
  const DeviceState& state = verdict.state;
  return fmt::format("{}: required {}, budget {}, ours already {}, free {} (from {}): {}", state.info.id.name(),
                     format_bytes(verdict.required), state.budget ? format_bytes(state.budget->bytes) : "none",
                     format_bytes(state.ours), state.reading.free ? format_bytes(*state.reading.free) : "unknown",
                     state.reading.source + less_others(state),
                     verdict.fits()
                         ? "fits"
                         : fmt::format("short by {} ({})", format_bytes(verdict.short_by), to_string(*verdict.limit)));
}

}  // namespace

void Planner::explain(Plan& plan) const {
  for (const ModelPlan& model : plan.models) explain_model(model, plan.explanation);
  std::map<std::string, int> compute_groups;
  for (const ModelPlan& model : plan.models) {
    if (!model.compute_group.empty() && ++compute_groups[model.compute_group] == 2)
      plan.explanation.push_back(fmt::format(
          "the models of compute group '{}' take turns and share compute buffers: of each buffer type the largest "
          "counts, not the sum",
          model.compute_group));
  }
  for (const DeviceVerdict& verdict : plan.devices) plan.explanation.push_back(verdict_text(verdict));
}

}  // namespace plimsoll::plan
