// What the host decides, and how it is done.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <malloc.h>

#include <algorithm>
#include <ranges>
#include <variant>

#include <plimsoll/base/log.hpp>
#include <plimsoll/engine/backend.hpp>
#include <plimsoll/host/fleet_plan.hpp>
#include <plimsoll/plan/planner.hpp>

#include "host_impl.hpp"

namespace plimsoll::host {
namespace {

// Until a load has been timed: the weights from the page cache or a good disk, and a warm-up.
constexpr double kBytesPerMs = 1'000'000;
constexpr std::chrono::milliseconds kWarmUpGuess{500};

std::vector<ModelRules> rules_of(const Fleet& fleet, const std::vector<plan::ModelPlan>& plans) {
  std::vector<ModelRules> rules;
  for (const auto& [model, plan] : std::views::zip(fleet.models, plans)) {
    rules.push_back({.name = plan.name,
                     .slots = slots_of(plan),
                     .pinned = model.pinned,
                     .priority = model.priority,
                     .time_to_live = model.time_to_live});
  }
  return rules;
}

std::vector<device::DeviceInfo> infos(const std::vector<plan::DeviceVerdict>& devices) {
  std::vector<device::DeviceInfo> out;
  for (const plan::DeviceVerdict& verdict : devices) out.push_back(verdict.state.info);
  return out;
}

std::vector<plan::DeviceState> states(const std::vector<plan::DeviceVerdict>& devices) {
  std::vector<plan::DeviceState> out;
  for (const plan::DeviceVerdict& verdict : devices) out.push_back(verdict.state);
  return out;
}

void require_sense(const Fleet& fleet) {
  const std::vector<std::string> wrong = contradictions(fleet);
  if (!wrong.empty()) throw Error(ErrorCode::usage, fmt::format("{}", fmt::join(wrong, "; ")));
}

plan::Plan plan_of(const Fleet& fleet, std::optional<plan::Plan> made, dry_run::DryRunSource& dry_runs,
                   plan::Store& store, const run::MemoryAccounting& accounting) {
  std::vector<plan::Request> requests = requests_of(fleet);
  if (!made) {
    return plan::Planner(dry_runs, store)
        .plan(requests, {.budgets = fleet.budgets,
                         .ours = accounting.committed(),
                         .alternatives = false,
                         .runtime = fleet.runtime,
                         .skip_unusable = true});
  }
  if (!std::ranges::equal(requests, made->models, {}, &plan::Request::name, &plan::ModelPlan::name))
    throw Error(ErrorCode::usage, "this plan is of another fleet");
  return std::move(*made);
}

}  // namespace

Host::Impl::Impl(run::MemoryAccounting& the_accounting, Fleet the_fleet, dry_run::DryRunSource& the_dry_runs,
                 plan::Store& the_store, HostOptions the_options)
    : accounting(the_accounting),
      fleet(std::move(the_fleet)),
      dry_runs(the_dry_runs),
      store(the_store),
      options(std::move(the_options)),
      swap_space(fleet.swap, accounting.ledger()),
      kept(fleet.keep_in_host),
      dispatcher({}),
      room({}, {}) {
  if (options.require_enforcing) tracker::require_enforcing();
  require_sense(fleet);
  note_files();
  plan::Plan plan = plan_of(fleet, std::exchange(options.planned, std::nullopt), dry_runs, store, accounting);
  dry_runs.rest();  // a device context for as long as the server lives would be too much for a few questions
  plans = std::move(plan.models);
  device_list = std::move(plan.devices);
  accounting.set_budgets(device_list);
  if (!fleet.prefault) accounting.set_prefault(false);
  dispatcher = Dispatcher(rules_of(fleet, plans));
  room = Room(plans, states(device_list), drafts_of(fleet));
  require_a_usable_one(fleet, room);
  for (const plan::ModelPlan& model : model_plans()) {
    expect_load_of(model);
    counts[model.name] = {};
  }
  engine::start_backends();
  backends.emplace(accounting.ledger(), accounting.probe(), infos(device_list));
  log_charge = {accounting.ledger(), memory::on_the_heap(memory::kRecords, memory::Stage::bookkeeping)};
  note_unusable();
  for (const FleetModel& model : fleet.models) {
    if (model.load_at_start) (void)dispatcher.ask(model.request.name, WhenBusy::wait, false, WhenShort::wait);
  }
  pump();
  thread = std::jthread([this](const std::stop_token& stop) { loop(stop); });
}

// Without a plan nothing is as planned: whoever asks once that is due, or once its files have changed, has it planned.
void Host::Impl::note_unusable() {
  for (const plan::ModelPlan& plan : plans) {
    if (plan.unusable) planned_files.erase(plan.name);
  }
  for (const plan::ModelPlan& model : model_plans()) {
    const auto why = room.unusable(model.name);
    if (!why) continue;
    log::warn("host", "'{}' cannot be used: {}", model.name, why->what());
    reasons[model.name] = why->what();
    dispatcher.load_failed(model.name, clock.now(), *why);
  }
}

void Host::Impl::expect_load_of(const plan::ModelPlan& model) {
  const double bytes = static_cast<double>(model.dry_run.model.tensor_bytes.value());
  dispatcher.expect_load_time(model.name, kWarmUpGuess + std::chrono::milliseconds(std::llround(bytes / kBytesPerMs)));
}

Bytes Host::Impl::held_by(const std::string& model) const {
  Bytes sum;
  for (const std::string& name : with_draft(model)) {
    for (const memory::Entry& entry : accounting.ledger().entries_of(name)) {
      if (entry.charged) sum += entry.taken.current;
    }
  }
  return sum;
}

const FleetModel& Host::Impl::declared(const std::string& model) const {
  return *std::ranges::find(fleet.models, model, [](const FleetModel& one) { return one.request.name; });
}

std::vector<std::string> Host::Impl::with_draft(const std::string& model) const {
  std::vector<std::string> out{model};
  if (const auto& draft = declared(model).draft) out.push_back(draft->request.name);
  return out;
}

// Never throws: it is called by whoever gives something back, and by the host's own thread.
void Host::Impl::pump() noexcept {
  std::vector<Decision> decisions;
  try {
    if (dispatcher.needs_room()) look_at_devices();
    decisions = dispatcher.decide(room, *options.policy, clock.now());
  } catch (const std::exception& error) {
    log::error("host", "what to do next could not be decided: {}", error.what());
    decisions = dispatcher.give_up(ErrorCode::internal, error.what());
  }
  for (const Decision& decision : decisions) {
    try {
      settle(decision);
    } catch (const std::exception& error) {
      log::error("host", "a decision could not be carried out: {}", error.what());
    }
  }
  charge_log();
  changed.notify_all();
}

namespace {

template <class... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};

}  // namespace

// Where the budget has no room for it, the oldest go.
void Host::Impl::charge_log() {
  while (!log_charge.resize(memory::in_steps(log.held())) && log.drop_oldest()) {
  }
}

void Host::Impl::settle(const Decision& decision) {
  std::visit(Overloaded{[&](const Moved& moved) {
                          log.moved(moved.model, moved.from, moved.to, held_by(moved.model),
                                    std::exchange(reasons[moved.model], std::string{}));
                        },
                        [&](const Grant& grant) {
                          if (const auto waiter = waiters.find(grant.ticket); waiter != waiters.end())
                            waiter->second.granted = true;
                        },
                        [&](const Refuse& refuse) {
                          if (const auto waiter = waiters.find(refuse.ticket); waiter != waiters.end())
                            waiter->second.refused = Error(refuse.code, refuse.why, refuse.numbers);
                          ++counts[refuse.model].refusals;
                          log.refused(refuse.model, dispatcher.state(refuse.model), refuse.why);
                        },
                        [&](const Postpone& postpone) {
                          if (const auto waiter = waiters.find(postpone.ticket); waiter != waiters.end())
                            waiter->second.short_of =
                                Error(ErrorCode::out_of_device_memory, postpone.why, postpone.numbers);
                          ++counts[postpone.model].refusals;
                          log::warn("host", "{}; it is loaded when they give it back", postpone.why);
                          log.refused(postpone.model, dispatcher.state(postpone.model), postpone.why);
                        },
                        [&](const Load& load) { tasks.emplace_back(load); },
                        [&](const Evict& evict) { tasks.emplace_back(evict); }},
             decision);
}

// Nothing is left to do: what can wait is done, then somebody's news are waited for. With the lock held.
void Host::Impl::rest(std::unique_lock<std::mutex>& lock, const std::stop_token& stop) {
  if (successors_place) {  // nobody came
    lock.unlock();
    successors_place.reset();
    lock.lock();
    return;
  }
  if (std::exchange(trim_when_idle, false)) {  // the system gets back what models had on the heap
    lock.unlock();
    (void)malloc_trim(0);
    lock.lock();
    return;
  }
  const auto soonest = dispatcher.next_look();
  const auto work = [&] { return !tasks.empty() || dispatcher.next_look() != soonest; };
  if (soonest) {
    (void)changed.wait_until(lock, stop, *soonest, work);
  } else {
    (void)changed.wait(lock, stop, work);
  }
  if (tasks.empty() && !stop.stop_requested()) pump();  // a time to live is over, or what others held has passed
}

void Host::Impl::loop(const std::stop_token& stop) {
  std::unique_lock lock(mutex);
  while (!stop.stop_requested() || !tasks.empty()) {
    if (tasks.empty()) {
      rest(lock, stop);
      continue;
    }
    const Task task = tasks.front();
    tasks.pop_front();
    lock.unlock();
    if (const auto* wanted = std::get_if<Load>(&task)) load(wanted->model);
    if (const auto* victim = std::get_if<Evict>(&task)) evict(victim->model, victim->whom_for);
    lock.lock();
  }
}

}  // namespace plimsoll::host
