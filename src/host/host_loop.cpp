// What the host decides, and how it is done.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <malloc.h>

#include <algorithm>
#include <ranges>

#include <plimsoll/base/log.hpp>
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

Lane& Host::Impl::lane_of(const plan::ModelPlan& model) {
  const std::string key = model.lane.empty() ? "model:" + model.name : model.lane;
  auto& lane = lanes[key];
  if (!lane) {
    const std::lock_guard lock(mutex);
    lane = std::make_unique<Lane>(books, model.lane, room.scratch_of_lane(model.lane));
  }
  return *lane;
}

// A model that this process has warmed before finds its pipelines compiled, and what it takes has been measured.
void Host::Impl::warm(run::Instance& instance, run::WarmUpDepth depth) {
  const auto known = warmth.find(instance.name());
  if (known != warmth.end()) {
    instance.take_over_warmth(known->second.report, known->second.runtime);
  } else {
    (void)instance.warm_up({.depth = depth, .stop = ending.get_token()}, &store);
    if (instance.warm_up_report().complete())
      warmth[instance.name()] = {
          .key = runtime_key_of(instance.plan()), .report = instance.warm_up_report(), .runtime = instance.runtime()};
  }
  instance.seal();
}

namespace {

// Nothing of its weights is held against a line.
bool is_page_cache(const plan::ModelPlan& plan) {
  return std::ranges::none_of(plan.lines, [](const plan::Line& line) {
    return line.charged && (line.stage == memory::Stage::weights || line.stage == memory::Stage::adapter ||
                            line.stage == memory::Stage::projector);
  });
}

}  // namespace

Ready Host::Impl::make_ready(const std::string& name, run::WarmUpDepth depth,
                             const std::function<void(run::Instance&)>& has_context) {
  plan::ModelPlan plan;
  {
    const std::lock_guard lock(mutex);
    plan = room.plan_of(name);
  }
  const Stopwatch watch;
  Ready ready;
  ready.seat = lane_of(plan).join();
  ready.instance = std::make_unique<run::Instance>(books, plan, device_list, ready.seat->sharing());
  const double reserved_ms = watch.elapsed_ms();
  if (const auto kept = mapped.find(name); kept != mapped.end()) {
    ready.instance->take_over_model(kept->second);
  } else {
    ready.instance->load({}, ending.get_token());
  }
  const double loaded_ms = watch.elapsed_ms();
  ready.instance->create_context();
  const double context_ms = watch.elapsed_ms();
  has_context(*ready.instance);
  warm(*ready.instance, depth);
  ready.seat->seal();
  if (is_page_cache(plan)) mapped[name] = ready.instance->model();
  if (!plan.request.context.embeddings) ready.executor.emplace(*ready.instance);
  log::info("host", "'{}': reserved in {:.1f} ms, weights {:.1f} ms, context {:.1f} ms, warm-up {:.1f} ms", name,
            reserved_ms, loaded_ms - reserved_ms, context_ms - loaded_ms, watch.elapsed_ms() - context_ms);
  return ready;
}

// The draft first, so that what the model grows by while it is made ready is its own.
std::shared_ptr<Resident> Host::Impl::open(const std::string& name) {
  const FleetModel& asked = declared(name);
  auto resident = std::make_shared<Resident>();
  resident->name = name;
  if (asked.draft) {
    resident->draft = make_ready(asked.draft->request.name, asked.warm_up, [](run::Instance&) {});
  }
  static_cast<Ready&>(*resident) = make_ready(name, asked.warm_up, [&](run::Instance& loaded) {
    if (resident->draft) {
      const run::Instance& draft = *resident->draft->instance;
      run::require_draft(*loaded.model(), name, *draft.model(), draft.name());
    }
    const std::lock_guard lock(mutex);
    dispatcher.warming(name);
    pump();
  });
  return resident;
}

void Host::Impl::load(const std::string& name) {
  const Stopwatch watch;
  std::optional<Error> failure;
  std::shared_ptr<Resident> resident;
  const std::unique_ptr<Lane::Seat> until_it_sits = std::move(bridge);
  try {
    resident = open(name);
  } catch (const Error& error) {
    failure = error;
  } catch (const std::exception& error) {
    failure = Error(ErrorCode::internal, error.what());
  }
  const std::lock_guard lock(mutex);
  Counts& count = counts[name];
  if (failure) {
    ++count.load_failures;
    log::warn("host", "'{}' could not be loaded: {}", name, failure->what());
    reasons[name] = failure->what();
    dispatcher.load_failed(name, failure->code(), failure->what());
  } else {
    ++count.loads;
    count.last_load_ms = watch.elapsed_ms();
    count.total_load_ms += count.last_load_ms;
    const auto note_what_is_incomplete = [&](const run::Instance& instance) {
      if (instance.warm_up_report().complete()) return;
      for (const auto& [device, bytes] : instance.runtime()) at_least[{instance.name(), device}] = bytes;
    };
    note_what_is_incomplete(*resident->instance);
    if (resident->draft) note_what_is_incomplete(*resident->draft->instance);
    refresh_runtimes();
    residents[name] = std::move(resident);
    dispatcher.loaded(name, clock.now(), std::chrono::milliseconds(std::llround(count.last_load_ms)));
  }
  pump();
}

// What each model is expected to take beside its buffers, as far as that is known by now: what it took when this
// process warmed it; else what a model of the same shape and configuration took, which leaves it its pipelines; else
// what its plan says, of which backends hold a part already.
void Host::Impl::refresh_runtimes() {
  for (const plan::ModelPlan& model : plans) {
    const auto known = std::ranges::find_if(warmth, [&](const auto& one) {
      return one.first == model.name || (!warmth.contains(model.name) && one.second.key == runtime_key_of(model));
    });
    if (known != warmth.end()) {
      for (const auto& [device, bytes] : known->second.runtime)
        room.set_runtime(model.name, device, {.bytes = bytes, .source = plan::Source::measured});
      continue;
    }
    for (const plan::Line& line : model.lines) {
      if (line.stage != memory::Stage::runtime) continue;
      const Bytes figure = std::max(line.bytes, at_least[{model.name, line.device}]);
      room.set_runtime(model.name, line.device,
                       {.bytes = saturating_sub(figure, backends->held_on(line.device)), .source = line.source});
    }
  }
}

std::string Host::Impl::runtime_key_of(const plan::ModelPlan& model) const {
  std::string key;
  for (const device::DeviceId& device : plan::computing_devices(model.survey)) {
    const auto verdict =
        std::ranges::find_if(device_list, [&](const plan::DeviceVerdict& one) { return one.state.info.id == device; });
    if (verdict == device_list.end()) continue;
    key += plan::runtime_key({.info = verdict->state.info, .reading = verdict->state.reading}, model.survey) + "\n";
  }
  return key;
}

Bytes Host::Impl::parked_in_memory() {
  const std::lock_guard lock(parked.mutex);
  return parked.parking.held().in_memory;
}

void Host::Impl::evict(const std::string& name, const std::string& whom_for) {
  const Stopwatch watch;
  std::shared_ptr<Resident> resident;
  std::optional<plan::ModelPlan> goes_on;  // in the same lane
  {
    const std::lock_guard lock(mutex);
    const std::string lane = room.plan_of(name).lane;
    if (!whom_for.empty() && !lane.empty() && room.plan_of(whom_for).lane == lane) goes_on = room.plan_of(name);
    resident = std::move(residents[name]);
    residents.erase(name);
    counts[name].tokens_before += resident->instance->tokens_computed();
    ++counts[name].evictions;
  }
  if (resident->executor) {
    for (const ConversationId id : resident->park_all(parked)) {
      const std::lock_guard lock(mutex);
      if (conversations.contains(id)) continue;  // it has not been ended meanwhile
      const std::lock_guard parking_lock(parked.mutex);
      parked.parking.forget(id);
    }
  }
  while (resident.use_count() > 1) std::this_thread::yield();  // somebody ends a conversation of it
  if (goes_on && !bridge) bridge = lane_of(*goes_on).join();
  const double parked_ms = watch.elapsed_ms();
  resident.reset();
  const double freed_ms = watch.elapsed_ms();
  if (backends->reads_host_memory()) (void)malloc_trim(0);  // what the C library keeps would look like a backend's
  trim_when_idle = true;
  const auto left_behind = backends->settle(parked_in_memory());
  log::info("host", "'{}': parked in {:.1f} ms, freed {:.1f} ms, read the devices {:.1f} ms", name, parked_ms,
            freed_ms - parked_ms, watch.elapsed_ms() - freed_ms);
  for (const std::string& gone : with_draft(name)) {
    const auto known = warmth.find(gone);
    if (known == warmth.end()) continue;
    for (auto& [device, bytes] : known->second.runtime) {
      const auto left = std::ranges::find(left_behind, device, &std::pair<device::DeviceId, Bytes>::first);
      if (left != left_behind.end()) bytes = saturating_sub(bytes, left->second);
    }
  }
  const std::lock_guard lock(mutex);
  refresh_runtimes();
  dispatcher.evicted(name);
  pump();
}

}  // namespace plimsoll::host
