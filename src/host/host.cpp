#include "host/host.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include <plimsoll/base/error.hpp>
#include "base/log.hpp"
#include "device/rpc_servers.hpp"
#include "engine/backend.hpp"
#include "host/fleet_plan.hpp"
#include "host/lease_request.hpp"
#include "plan/planner.hpp"

#include "host_impl.hpp"
#include "slots.hpp"

namespace plimsoll::host {

// A fleet with its plan, before anything is made of it.
struct Host::Impl::Planned {
  std::shared_ptr<const Fleet> fleet;
  std::unique_ptr<ModelFiles> files;
  plan::Plan plan;
  FreeCapacity capacity;
};

namespace {

// Of the models that have leases: all but the drafts.
std::vector<std::string> names_of(const Fleet& fleet) {
  std::vector<std::string> out;
  for (const FleetModel& model : fleet.models) out.push_back(model.request.name);
  return out;
}

std::vector<ModelRules> rules_of(const Fleet& fleet, const FreeCapacity& capacity) {
  std::vector<ModelRules> rules;
  for (const FleetModel& model : fleet.models) rules.push_back(rules_of(model, capacity.plan_of(model.request.name)));
  return rules;
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
                         .skip_unusable = true,
                         .machine = &accounting.machine()});
  }
  if (!std::ranges::equal(requests, made->models, {}, &plan::Request::name, &plan::ModelPlan::name))
    throw Error(ErrorCode::usage, "this plan is of another fleet");
  return std::move(*made);
}

}  // namespace

ModelRules rules_of(const FleetModel& model, const plan::ModelPlan& plan) {
  return {.name = model.request.name,
          .slots = slots_of(plan),
          .pinned = model.pinned,
          .priority = model.priority,
          .time_to_live = model.time_to_live};
}

Host::Impl::Impl(run::MemoryAccounting& accounting, Fleet fleet, dry_run::DryRunSource& dry_runs, plan::Store& store,
                 HostOptions options)
    : Impl(
          accounting,
          [&] {
            if (options.require_enforcing) tracker::require_enforcing();
            require_sense(fleet);
            auto files = std::make_unique<ModelFiles>(fleet);
            plan::Plan plan = plan_of(fleet, std::exchange(options.planned, std::nullopt), dry_runs, store, accounting);
            add_processes(fleet, plan.models);
            dry_runs.rest();  // a device context for as long as the server lives would be too much for a few questions
            FreeCapacity capacity(plan.models, states(plan.devices), drafts_of(fleet), fleet.most_models);
            files->were_planned(plan.models);
            accounting.set_budgets(plan.devices);
            require_a_usable_one(fleet, capacity);
            engine::start_backends();
            return Planned{std::make_shared<const Fleet>(std::move(fleet)), std::move(files), std::move(plan),
                           std::move(capacity)};
          }(),
          dry_runs, store, options) {}

Host::Impl::Impl(run::MemoryAccounting& accounting, Planned planned, dry_run::DryRunSource& dry_runs,
                 plan::Store& store, const HostOptions& options)
    : accounting_(accounting),
      files_(std::move(planned.files)),
      has_own_policy_(options.policy != nullptr),
      log_(clock_, options.told),
      log_charge_(accounting.ledger(), memory::on_the_heap(memory::kRecords, memory::Stage::bookkeeping)),
      fleet_(planned.fleet),
      plans_(planned.plan.models),
      conversations_(planned.fleet->swap, accounting.ledger()),
      kept_(planned.fleet->keep_in_host),
      devices_(accounting, *planned.fleet, std::move(planned.plan.devices), kept_, conversations_.swap_space()),
      neighbours_(accounting),
      queue_(rules_of(*planned.fleet, planned.capacity), planned.capacity,
             options.policy ? options.policy : eviction_policy(planned.fleet->eviction), options.longest_queue, clock_,
             *this, options.time_slice),
      remote_return_(return_of_machines()),
      loader_({.accounting = accounting,
               .fleet = planned.fleet,
               .dry_runs = dry_runs,
               .store = store,
               .devices = devices_,
               .files = *files_,
               .conversations = conversations_,
               .kept = kept_,
               .queue = queue_,
               .worker_program = options.worker_program,
               .told =
                   [this](const Outcome& outcome) {
                     count(outcome);
                     await_return_after(outcome);
                   },
               .machine_has_gone = [this](const std::string& model) { remote_return_.wait_for(model); }},
              std::move(planned.plan.models), std::move(planned.capacity)),
      foreign_(devices_, queue_, [this] { return drafts_of(*this->fleet()); }) {
  if (!planned.fleet->prefault) accounting.set_prefault(false);
  {
    const MutexLock lock(mutex_);
    for (const FleetModel& model : planned.fleet->models) counts_[model.request.name] = {};
  }
  neighbours_.start(queue_, [this] { return drafts_of(*this->fleet()); });
  for (const FleetModel& model : planned.fleet->models) {
    if (model.load_at_start) queue_.want(model.request.name);
  }
  foreign_.leave(planned.fleet->yield_to_foreign);
}

Host::Impl::~Impl() {
  foreign_.stop();
  remote_return_.stop();
  neighbours_.stop();
  queue_.close();
  queue_.wait_until_unused();
  loader_.stop();
  conversations_.drop_idle();
  queue_.take_residents().clear();
}

void Host::Impl::try_again_where_files_changed(const std::string& model) {
  if (queue_.state(model) == ModelState::failed && files_->have_changed_since_tried(model)) queue_.retry(model);
}

void Host::Impl::note_wait(const std::string& model, double seconds) {
  const MutexLock lock(mutex_);
  if (const auto known = counts_.find(model); known != counts_.end()) known->second.times.queue.add(seconds);
}

RemoteReturn::World Host::Impl::return_of_machines() {
  return {
      .answers = [] { return device::greet_all().is_well(); },
      .has_failed =
          [this](const std::string& model) { return queue_.has(model) && queue_.state(model) == ModelState::failed; },
      .is_of_interest =
          [this](const std::string& model) {
            if (!queue_.has(model)) return false;
            const ModelState state = queue_.state(model);
            return state != ModelState::absent && state != ModelState::swapped;
          },
      .load =
          [this](const std::string& model) {
            queue_.retry(model);
            queue_.want(model);
          }};
}

// What the host itself wanted loaded it wants still.
void Host::Impl::await_return_after(const Outcome& outcome) {
  const auto* const failed = std::get_if<Failed>(&outcome);
  if (failed == nullptr || failed->why.code() != ErrorCode::io) return;
  const auto fleet = this->fleet();
  const auto model = std::ranges::find(fleet->models, failed->model, [](const auto& one) { return one.request.name; });
  if (model != fleet->models.end() && model->isolation.is_remote && model->load_at_start)
    remote_return_.wait_for(failed->model);
}

void Host::Impl::load(const std::string& model, std::stop_token stop) {
  queue_.retry(model);
  (void)Queue::Request(queue_, model, {.stop = std::move(stop)}, false).wait();
}

// --- what is logged and counted ---

Bytes Host::Impl::held_by(const std::string& model) const {
  Bytes sum;
  std::vector<std::string> names{model};
  const std::map<std::string, std::string> drafts = drafts_of(*fleet());
  if (const auto draft = drafts.find(model); draft != drafts.end()) names.push_back(draft->second);
  for (const std::string& name : names) {
    for (const memory::Entry& entry : accounting_.ledger().entries_of(name)) {
      if (entry.charged) sum += entry.taken.current;
    }
  }
  return sum;
}

void Host::Impl::moved(const Moved& moved, const std::string& why) {
  log_.moved(moved.model, moved.from, moved.to, held_by(moved.model), why);
}

void Host::Impl::refused(const std::string& model, ModelState state, const std::string& why) {
  {
    const MutexLock lock(mutex_);
    if (const auto known = counts_.find(model); known != counts_.end()) ++known->second.refusals;
  }
  log_.refused(model, state, why);
}

void Host::Impl::look_at_devices(FreeCapacity& capacity) {
  devices_.look(capacity, neighbours_.offers());
  asking_ = Asking::nobody;
}

void Host::Impl::ask_others(const AskOthers& wanted) {
  neighbours_.ask(wanted);
  asking_ = Asking::others;
}

// Where the budget has no room for the log, the oldest events go.
void Host::Impl::decided() {
  if (std::exchange(asking_, Asking::unknown) == Asking::nobody) neighbours_.ask_nobody();
  while (!log_charge_.resize(memory::in_steps(log_.held())) && log_.drop_oldest()) {
  }
}

// Of a model that has left the fleet nothing is counted any more.
void Host::Impl::count(const Outcome& outcome) {
  const MutexLock lock(mutex_);
  const std::string& model = std::visit([](const auto& one) -> const std::string& { return one.model; }, outcome);
  const auto known = counts_.find(model);
  if (known == counts_.end()) return;
  Counts& count = known->second;
  if (const auto* loaded = std::get_if<Loaded>(&outcome)) {
    const Resident& resident = *loaded->resident;
    ++count.loads;
    count.last_load_ms = loaded->ms;
    count.times.load.add(loaded->ms / 1000);
    count.times.warm_up.add((resident.warm_up_ms + (resident.draft ? resident.draft->warm_up_ms : 0)) / 1000);
  } else if (const auto* failed = std::get_if<Failed>(&outcome)) {
    if (failed->why.code() != ErrorCode::cancelled) ++count.load_failures;
  } else if (const auto* evicted = std::get_if<Evicted>(&outcome)) {
    ++count.evictions;
    count.times.eviction.add(evicted->ms / 1000);
  } else {
    for (const plan::ModelPlan& plan : std::get<Replanned>(outcome).plans)
      *std::ranges::find(plans_, plan.name, &plan::ModelPlan::name) = plan;
  }
}

HostStatus Host::Impl::status() const {
  HostStatus out;
  out.models = queue_.status(names_of(*fleet()));
  out.waiting = queue_.waiting();
  out.events_dropped = log_.dropped();
  {
    const MutexLock lock(mutex_);
    out.reloads = reloads_;
    for (ModelStatus& model : out.models) {
      const auto known = counts_.find(model.name);
      if (known == counts_.end()) continue;
      const Counts& count = known->second;
      model.loads = count.loads;
      model.load_failures = count.load_failures;
      model.evictions = count.evictions;
      model.refusals = count.refusals;
      model.last_load_ms = count.last_load_ms;
      model.total_load_ms = count.times.load.sum() * 1000;
      model.first_tokens = count.times.first_token.count();
      model.total_first_token_ms = count.times.first_token.sum() * 1000;
    }
  }
  const SwappedBytes held = conversations_.swap_space().held();
  out.swapped_conversations = held.conversations;
  out.swapped_to_memory = held.in_memory + held.tokens;
  out.swapped_to_disk = held.on_disk;
  out.kept_weights = kept_.held().all();
  return out;
}

std::map<std::string, ModelTimes> Host::Impl::times() const {
  std::map<std::string, ModelTimes> out;
  const MutexLock lock(mutex_);
  for (const auto& [name, count] : counts_) out[name] = count.times;
  return out;
}

void Host::Impl::count_first_token(const std::string& model, double seconds) {
  const MutexLock lock(mutex_);
  if (const auto known = counts_.find(model); known != counts_.end()) known->second.times.first_token.add(seconds);
}

std::string Host::Impl::planned_files(const std::string& model) const {
  (void)queue_.state(model);  // throws where there is no such model
  const std::vector<plan::ModelPlan> all = plans();
  const auto plan = std::ranges::find(all, model, &plan::ModelPlan::name);
  return plan == all.end() || plan->unusable ? "" : files_->identity_if_planned(model).value_or("");
}

std::shared_ptr<const Fleet> Host::Impl::fleet() const {
  const MutexLock lock(mutex_);
  return fleet_;
}

FleetPlan Host::Impl::fleet_plan() const {
  std::shared_ptr<const Fleet> fleet;
  std::vector<plan::ModelPlan> plans;
  {
    const MutexLock lock(mutex_);
    fleet = fleet_;
    plans = plans_;
  }
  return plan_fleet(*fleet, FreeCapacity(std::move(plans), devices_.states(), drafts_of(*fleet), fleet->most_models));
}

std::vector<plan::ModelPlan> Host::Impl::plans() const {
  const MutexLock lock(mutex_);
  return plans_;
}

// --- Host ---

Host::Host(run::MemoryAccounting& accounting, Fleet fleet, dry_run::DryRunSource& dry_runs, plan::Store& store,
           HostOptions options)
    : impl_(std::make_unique<Impl>(accounting, std::move(fleet), dry_runs, store, std::move(options))) {}
Host::~Host() = default;

Lease Host::acquire(const std::string& model, AcquireOptions options) {
  return LeaseRequest(*this, model, std::move(options)).take();
}

ConversationId Host::new_conversation(const std::string& model) {
  (void)impl_->queue().state(model);  // throws where there is no such model
  return impl_->conversations().create(model);
}

ConversationId Host::add_conversation(const std::string& model, run::SequenceSnapshot saved) {
  (void)impl_->queue().state(model);  // throws where there is no such model
  return impl_->conversations().add(model, std::move(saved));
}

std::optional<run::SequenceSnapshot> Host::save_conversation(ConversationId conversation,
                                                             const std::function<bool(Bytes)>& may_take) {
  return impl_->conversations().save(conversation, may_take);
}

void Host::end_conversation(ConversationId conversation) { impl_->conversations().end(conversation); }
void Host::load(const std::string& model, std::stop_token stop) { impl_->load(model, std::move(stop)); }
std::size_t Host::end_processes(ProcessesToEnd which) { return impl_->end_processes(which); }
void Host::unload(const std::string& model) { impl_->queue().unload(model); }
void Host::pin(const std::string& model, bool pinned) { impl_->queue().pin(model, pinned); }
void Host::set_time_to_live(const std::string& model, std::optional<std::chrono::milliseconds> idle) {
  impl_->queue().set_time_to_live(model, idle);
}
bool Host::has(const std::string& model) const { return impl_->queue().has(model); }
void Host::count_first_token(const std::string& model, double seconds) { impl_->count_first_token(model, seconds); }
HostStatus Host::status() const { return impl_->status(); }
std::map<std::string, ModelTimes> Host::times() const { return impl_->times(); }
HostLog& Host::log() noexcept { return impl_->log(); }
run::MemoryAccounting& Host::accounting() noexcept { return impl_->accounting(); }
broker::MachineLedger& Host::machine() const noexcept { return impl_->accounting().machine(); }
std::shared_ptr<const Fleet> Host::fleet() const { return impl_->fleet(); }
std::uint64_t Host::fleet_number() const noexcept { return impl_->fleet_number(); }
ReloadReport Host::reload(const std::function<Fleet()>& read, plan::Planner& planner, const std::stop_token& stop) {
  return impl_->reload(read, planner, stop);
}
FleetPlan Host::fleet_plan() const { return impl_->fleet_plan(); }
std::vector<plan::ModelPlan> Host::plans() const { return impl_->plans(); }
std::string Host::planned_files(const std::string& model) const { return impl_->planned_files(model); }
std::shared_ptr<const engine::Model> Host::mapped_model(const std::string& model) const {
  return impl_->mapped_model(model);
}
std::vector<plan::DeviceState> Host::devices() const { return impl_->devices().states(); }

}  // namespace plimsoll::host
