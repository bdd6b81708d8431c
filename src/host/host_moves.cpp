// How a model comes and goes: what is done of what was decided, on the host's own thread.
#include <fmt/format.h>
#include <malloc.h>

#include <algorithm>
#include <iterator>

#include <plimsoll/base/log.hpp>

#include "host_impl.hpp"

namespace plimsoll::host {

ComputeGroup& Host::Impl::group_of(const plan::ModelPlan& model) {
  const std::string key = model.compute_group.empty() ? "model:" + model.name : model.compute_group;
  auto& compute_group = compute_groups[key];
  if (!compute_group) {
    const std::lock_guard lock(mutex);
    compute_group = std::make_unique<ComputeGroup>(accounting, model.compute_group,
                                                   room.compute_buffers_of_group(model.compute_group));
  }
  return *compute_group;
}

// A model that this process has warmed before finds its pipelines compiled, and what it takes has been measured.
void Host::Impl::warm(run::Instance& instance, run::WarmUpDepth depth) {
  const auto known = known_warm_ups.find(instance.name());
  if (known != known_warm_ups.end()) {
    instance.reuse_warm_up(known->second.report, known->second.runtime);
  } else {
    (void)instance.warm_up({.depth = depth, .stop = ending.get_token()}, &store);
    if (instance.warm_up_report().complete())
      known_warm_ups[instance.name()] = {
          .key = runtime_key_of(instance.plan()), .report = instance.warm_up_report(), .runtime = instance.runtime()};
  }
  instance.seal();
}

namespace {

// Nothing of its weights is counted against a budget.
bool is_page_cache(const plan::ModelPlan& plan) {
  return std::ranges::none_of(plan.entries, [](const plan::Entry& entry) {
    return entry.charged && (entry.stage == memory::Stage::weights || entry.stage == memory::Stage::adapter ||
                             entry.stage == memory::Stage::projector);
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
  ready.member = group_of(plan).join();
  ready.instance = std::make_unique<run::Instance>(accounting, plan, device_list, ready.member->sharing());
  const double reserved_ms = watch.elapsed_ms();
  load_weights(*ready.instance);
  const double loaded_ms = watch.elapsed_ms();
  ready.instance->create_context();
  const double context_ms = watch.elapsed_ms();
  has_context(*ready.instance);
  warm(*ready.instance, depth);
  ready.member->seal();
  if (is_page_cache(plan)) mapped[name] = ready.instance->model();
  if (!plan.request.context.embeddings) ready.executor.emplace(*ready.instance);
  ready.warm_up_ms = watch.elapsed_ms() - context_ms;
  log::info("host", "'{}': reserved in {:.1f} ms, weights {:.1f} ms, context {:.1f} ms, warm-up {:.1f} ms", name,
            reserved_ms, loaded_ms - reserved_ms, context_ms - loaded_ms, ready.warm_up_ms);
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
    if (dispatcher.state(name) == ModelState::loading) dispatcher.warming(name);  // not where it is tried again
    pump();
  });
  return resident;
}

namespace {

Error current_failure() {
  try {
    throw;
  } catch (const Error& error) {
    return error;
  } catch (const std::exception& error) {
    return {ErrorCode::internal, error.what()};
  } catch (...) {
    return {ErrorCode::internal, "something was thrown that says nothing of itself"};
  }
}

}  // namespace

void Host::Impl::make_way_for(const std::string& name) {
  Bytes on_host;
  Bytes in_memory;
  Bytes way;
  const std::vector<plan::DeviceState> now = readings();
  {
    const std::lock_guard lock(mutex);
    for (const plan::DeviceVerdict& verdict : room.judge({name})) {
      if (verdict.state.info.memory_is_hosts) in_memory += verdict.required;
      if (verdict.state.info.id.is_host()) on_host = verdict.required;
    }
  }
  const Bytes own = kept.size_of_model(name);  // is there already
  const memory::DeviceAccount account = accounting.ledger().account(device::host());
  if (account.budget) way = saturating_sub(account.committed + on_host, *account.budget + own);
  for (const plan::DeviceState& state : now) {
    if (state.info.id.is_host() && state.reading.free)
      way = std::max(way, saturating_sub(in_memory, *state.reading.free + own));
  }
  if (way > Bytes{}) way = saturating_sub(way, kept.give_way(way, name));
  if (way > Bytes{}) swap_space.give_way(way);
}

// Where the refusal is about the memory that kept weights lie in.
bool Host::Impl::is_about_host_memory(const Error& error) const {
  const auto* refused = dynamic_cast<const memory::Refused*>(&error);
  if (refused == nullptr) return error.code() == ErrorCode::out_of_device_memory;
  const device::DeviceId& device = refused->refusal().device;
  return device.is_host() || std::ranges::any_of(device_list, [&](const plan::DeviceVerdict& one) {
           return one.state.info.id == device && one.state.info.memory_is_hosts;
         });
}

bool Host::Impl::make_more_way(const std::string& name, const Error& error) {
  const Bytes held = kept.held().all();
  if (held > Bytes{} && is_about_host_memory(error)) {
    log::info("host", "'{}' is tried again without the {} of weights that are kept: {}", name, format_bytes(held),
              error.what());
    kept.clear();
    return true;
  }
  const Bytes in_memory = swap_space.held().in_memory;
  if (error.code() != ErrorCode::over_budget || in_memory == Bytes{}) return false;
  log::info("host", "'{}' is tried again without the {} that are swapped out in memory: {}", name,
            format_bytes(in_memory), error.what());
  swap_space.give_way(in_memory);
  return true;
}

// What is kept, or swapped out meanwhile, may stand in its way.
std::shared_ptr<Resident> Host::Impl::open_beside_swapped(const std::string& name) {
  for (;;) {
    try {
      return open(name);
    } catch (const Error& error) {
      if (!make_more_way(name, error)) throw;
    }
  }
}

void Host::Impl::note_loaded(const std::string& name, const Resident& resident, double ms) {
  Counts& count = counts[name];
  ++count.loads;
  count.last_load_ms = ms;
  count.times.load.add(ms / 1000);
  count.times.warm_up.add((resident.warm_up_ms + (resident.draft ? resident.draft->warm_up_ms : 0)) / 1000);
  const auto note_what_is_incomplete = [&](const run::Instance& instance) {
    if (instance.warm_up_report().complete()) return;
    for (const auto& [device, bytes] : instance.runtime()) runtime_lower_bounds[{instance.name(), device}] = bytes;
  };
  note_what_is_incomplete(*resident.instance);
  if (resident.draft) note_what_is_incomplete(*resident.draft->instance);
  refresh_runtimes();
}

bool Host::Impl::is_decided_anew(const std::string& name) {
  if (!plan_anew_where_changed(name)) return false;
  const std::lock_guard lock(mutex);
  const plan::ModelPlan& plan = room.plan_of(name);
  reasons[name] = "planned anew";
  dispatcher.replanned(name, slots_of(plan));
  expect_load_of(plan);
  pump();
  return true;
}

void Host::Impl::load(const std::string& name) noexcept {
  const Stopwatch watch;
  std::optional<Error> failure;
  std::shared_ptr<Resident> resident;
  std::unique_ptr<ComputeGroup::Member> place;
  try {
    if (is_decided_anew(name)) return;
    place = std::move(successors_place);
    make_way_for(name);
    resident = open_beside_swapped(name);
  } catch (...) {
    failure = current_failure();
  }
  const std::lock_guard lock(mutex);
  if (!failure) {
    try {
      note_loaded(name, *resident, watch.elapsed_ms());
      residents[name] = std::move(resident);
    } catch (...) {
      failure = current_failure();
    }
  }
  if (failure) {
    ++counts[name].load_failures;
    log::warn("host", "'{}' could not be loaded: {}", name, failure->what());
    reasons[name] = failure->what();
    dispatcher.load_failed(name, clock.now(), *failure);
  } else {
    dispatcher.loaded(name, clock.now(), std::chrono::milliseconds(std::llround(counts[name].last_load_ms)));
  }
  pump();
}

// What each model is expected to take beside its buffers, as far as that is known by now: what it took when this
// process warmed it; else what a model of the same shape and configuration took, which leaves it its pipelines; else
// what its plan says, of which backends hold a part already.
void Host::Impl::refresh_runtimes() {
  for (const plan::ModelPlan& model : plans) {
    const auto known = std::ranges::find_if(known_warm_ups, [&](const auto& one) {
      return one.first == model.name ||
             (!known_warm_ups.contains(model.name) && one.second.key == runtime_key_of(model));
    });
    if (known != known_warm_ups.end()) {
      for (const auto& [device, bytes] : known->second.runtime)
        room.set_runtime(model.name, device, {.bytes = bytes, .source = plan::Source::measured});
      continue;
    }
    for (const plan::Entry& entry : model.entries) {
      if (entry.stage != memory::Stage::runtime) continue;
      const Bytes figure = std::max(entry.bytes, runtime_lower_bounds[{model.name, entry.device}]);
      room.set_runtime(model.name, entry.device,
                       {.bytes = saturating_sub(figure, backends->held_on(entry.device)), .source = entry.source});
    }
  }
}

std::string Host::Impl::runtime_key_of(const plan::ModelPlan& model) const {
  std::string key;
  for (const device::DeviceId& device : plan::computing_devices(model.dry_run)) {
    const auto verdict =
        std::ranges::find_if(device_list, [&](const plan::DeviceVerdict& one) { return one.state.info.id == device; });
    if (verdict == device_list.end()) continue;
    key += plan::runtime_key({.info = verdict->state.info, .reading = verdict->state.reading}, model.dry_run) + "\n";
  }
  return key;
}

// Its conversations are swapped out, and what it holds is given back.
void Host::Impl::let_go_of(const std::string& name, const std::string& whom_for) {
  const Stopwatch watch;
  std::shared_ptr<Resident> resident;
  std::optional<plan::ModelPlan> goes_on;  // in the same compute group
  {
    const std::lock_guard lock(mutex);
    const std::string compute_group = room.plan_of(name).compute_group;
    if (!whom_for.empty() && !compute_group.empty() && room.plan_of(whom_for).compute_group == compute_group)
      goes_on = room.plan_of(name);
    resident = std::move(residents[name]);
    residents.erase(name);
    counts[name].tokens_before += resident->instance->tokens_computed();
    ++counts[name].evictions;
  }
  if (resident->has_failed()) {  // whatever was made for it is made again
    known_warm_ups.erase(name);
    mapped.erase(name);
    kept.forget(name);
  }
  if (resident->executor) {
    for (const ConversationId id : resident->swap_out_all(swap_space)) {
      const std::lock_guard lock(mutex);
      if (!conversations.contains(id)) swap_space.forget(id);  // it has been ended meanwhile
    }
  }
  while (resident.use_count() > 1) std::this_thread::yield();  // somebody ends a conversation of it
  if (goes_on && !successors_place) successors_place = group_of(*goes_on).join();
  keep_weights(*resident, whom_for);
  const double swap_ms = watch.elapsed_ms();
  resident.reset();
  log::info("host", "'{}': swapped out in {:.1f} ms, freed {:.1f} ms", name, swap_ms, watch.elapsed_ms() - swap_ms);
}

// The accelerators that it and its draft computed on.
std::vector<device::DeviceId> Host::Impl::computed_on(const std::string& name) const {
  std::vector<device::DeviceId> out;
  for (const std::string& one : with_draft(name)) {
    const auto plan = std::ranges::find(plans, one, &plan::ModelPlan::name);
    if (plan != plans.end()) std::ranges::copy(plan::computing_devices(plan->dry_run), std::back_inserter(out));
  }
  return out;
}

// What backends keep of it is no model's any more, and its next load finds it made.
void Host::Impl::forget_what_stays(const std::string& name) {
  if (backends->reads_host_memory()) (void)malloc_trim(0);  // what the C library keeps would look like a backend's
  trim_when_idle = true;
  const Stopwatch watch;
  const auto left_behind = backends->settle(computed_on(name));
  log::info("host", "'{}': read the devices in {:.1f} ms", name, watch.elapsed_ms());
  for (const std::string& gone : with_draft(name)) {
    const auto known = known_warm_ups.find(gone);
    if (known == known_warm_ups.end()) continue;
    for (auto& [device, bytes] : known->second.runtime) {
      const auto left = std::ranges::find(left_behind, device, &std::pair<device::DeviceId, Bytes>::first);
      if (left != left_behind.end()) bytes = saturating_sub(bytes, left->second);
    }
  }
  const std::lock_guard lock(mutex);
  refresh_runtimes();
}

void Host::Impl::evict(const std::string& name, const std::string& whom_for) noexcept {
  const Stopwatch watch;
  if (!whom_for.empty()) {
    const std::lock_guard lock(mutex);
    reasons[name] = fmt::format("for '{}'", whom_for);
  }
  for (const auto& step : {std::function<void()>([&] { let_go_of(name, whom_for); }),
                           std::function<void()>([&] { forget_what_stays(name); })}) {
    try {
      step();
    } catch (...) {
      log::error("host", "evicting '{}': {}", name, current_failure().what());
    }
  }
  const std::lock_guard lock(mutex);
  counts[name].times.eviction.add(watch.elapsed_ms() / 1000);
  dispatcher.evicted(name, clock.now());
  pump();
}

}  // namespace plimsoll::host
