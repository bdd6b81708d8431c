// What the host decides, and how it is done.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <malloc.h>

#include <algorithm>
#include <ranges>

#include <plimsoll/engine/backend.hpp>
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
    // What a context for embeddings computes, it computes in one call: one lease at a time.
    const bool embeds = model.request.survey.context.embeddings;
    rules.push_back({.name = plan.name,
                     .seats = embeds ? 1U : plan.survey.context.n_seq_max,
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

plan::Plan plan_fleet(const Fleet& fleet, gauge::SurveySource& surveys, plan::Store& store,
                      const run::MemoryBooks& books) {
  const std::vector<std::string> wrong = contradictions(fleet);
  if (!wrong.empty()) throw Error(ErrorCode::usage, fmt::format("{}", fmt::join(wrong, "; ")));
  return plan::Planner(surveys, store)
      .plan(requests_of(fleet), {.lines = fleet.lines, .ours = books.committed(), .alternatives = false});
}

}  // namespace

Host::Impl::Impl(run::MemoryBooks& the_books, Fleet the_fleet, gauge::SurveySource& surveys, plan::Store& the_store,
                 HostOptions the_options)
    : books(the_books),
      fleet(std::move(the_fleet)),
      store(the_store),
      options(std::move(the_options)),
      parked(fleet.parking),
      dispatcher({}),
      room({}, {}) {
  if (options.require_enforcing) gauge::require_enforcing();
  plan::Plan plan = plan_fleet(fleet, surveys, store, books);
  plans = std::move(plan.models);
  device_list = std::move(plan.devices);
  books.set_lines(device_list);
  dispatcher = Dispatcher(rules_of(fleet, plans));
  room = Room(plans, states(device_list), drafts_of(fleet));
  for (const plan::ModelPlan& model : model_plans()) {
    const double bytes = static_cast<double>(model.survey.model.tensor_bytes.value());
    dispatcher.expect_load_time(model.name,
                                kWarmUpGuess + std::chrono::milliseconds(std::llround(bytes / kBytesPerMs)));
    counts[model.name] = {};
  }
  engine::start_backends();
  backends.emplace(books, infos(device_list));
  for (const FleetModel& model : fleet.models) {
    if (model.load_at_start) (void)dispatcher.ask(model.request.name, WhenBusy::wait, false);
  }
  pump();
  thread = std::jthread([this](const std::stop_token& stop) { loop(stop); });
}

// The fleet's own bytes are set aside: sets of models are judged as if none of them were there yet.
std::vector<plan::DeviceState> Host::Impl::device_states() const {
  const auto is_fleets = [&](const std::string& owner) {
    return std::ranges::contains(plans, owner, &plan::ModelPlan::name) || owner.starts_with(owner_of_lane(""));
  };
  const std::vector<memory::Entry> entries = books.ledger().entries();
  std::vector<plan::DeviceState> out;
  for (const plan::DeviceVerdict& verdict : device_list) {
    plan::DeviceState state = verdict.state;
    if (const auto now = books.probe().read(state.info)) state.reading = *now;
    state.ours = {};
    Bytes fleets;
    for (const memory::Entry& entry : entries) {
      if (!entry.charged) continue;
      const bool here = entry.tag.device == state.info.id;
      const bool same_memory =
          here ||
          (state.info.memory_is_hosts && std::ranges::any_of(device_list, [&](const plan::DeviceVerdict& other) {
             return other.state.info.id == entry.tag.device && other.state.info.memory_is_hosts;
           }));
      if (is_fleets(entry.tag.owner)) {
        if (same_memory) fleets += entry.taken.current;
      } else if (here) {
        state.ours += std::max(entry.planned, entry.taken.current);
      }
    }
    if (state.reading.free) *state.reading.free += fleets;
    out.push_back(std::move(state));
  }
  return out;
}

void Host::Impl::look_at_devices() { room.look_again(device_states()); }

Bytes Host::Impl::held_by(const std::string& model) const {
  Bytes sum;
  for (const std::string& name : with_draft(model)) {
    for (const memory::Entry& entry : books.ledger().entries_of(name)) {
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

void Host::Impl::pump() {
  if (dispatcher.needs_room()) look_at_devices();
  for (const Decision& decision : dispatcher.decide(room, *options.policy, clock.now())) settle(decision);
  changed.notify_all();
}

void Host::Impl::settle(const Decision& decision) {
  if (const auto* moved = std::get_if<Moved>(&decision)) {
    log.moved(moved->model, moved->from, moved->to, held_by(moved->model),
              std::exchange(reasons[moved->model], std::string{}));
  } else if (const auto* grant = std::get_if<Grant>(&decision)) {
    if (const auto waiter = waiters.find(grant->ticket); waiter != waiters.end()) waiter->second.granted = true;
  } else if (const auto* refuse = std::get_if<Refuse>(&decision)) {
    ++counts[refuse->model].refusals;
    log.refused(refuse->model, dispatcher.state(refuse->model), refuse->why);
    if (const auto waiter = waiters.find(refuse->ticket); waiter != waiters.end())
      waiter->second.refused = Error(refuse->code, refuse->why);
  } else if (const auto* load = std::get_if<Load>(&decision)) {
    tasks.emplace_back(*load);
  } else if (const auto* evict = std::get_if<Evict>(&decision)) {
    tasks.emplace_back(*evict);
  }
}

void Host::Impl::loop(const std::stop_token& stop) {
  std::unique_lock lock(mutex);
  while (!stop.stop_requested() || !tasks.empty()) {
    if (tasks.empty()) {
      if (bridge) {  // nobody came
        lock.unlock();
        bridge.reset();
        lock.lock();
        continue;
      }
      if (std::exchange(trim_when_idle, false)) {  // the system gets back what models had on the heap
        lock.unlock();
        (void)malloc_trim(0);
        lock.lock();
        continue;
      }
      const auto soonest = dispatcher.next_look();
      const auto work = [&] { return !tasks.empty() || dispatcher.next_look() != soonest; };
      if (soonest) {
        (void)changed.wait_until(lock, stop, *soonest, work);
      } else {
        (void)changed.wait(lock, stop, work);
      }
      if (tasks.empty() && !stop.stop_requested()) pump();  // somebody's time to live may be over
      if (tasks.empty()) continue;
    }
    const Task task = tasks.front();
    tasks.pop_front();
    lock.unlock();
    if (const auto* wanted = std::get_if<Load>(&task)) load(wanted->model);
    if (const auto* victim = std::get_if<Evict>(&task)) {
      if (!victim->whom_for.empty()) {
        const std::lock_guard reason_lock(mutex);
        reasons[victim->model] = fmt::format("for '{}'", victim->whom_for);
      }
      evict(victim->model, victim->whom_for);
    }
    lock.lock();
  }
}

}  // namespace plimsoll::host
