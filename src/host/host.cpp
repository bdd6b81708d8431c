#include <plimsoll/host/host.hpp>

#include <fmt/format.h>

#include <algorithm>

#include <plimsoll/base/error.hpp>
#include <plimsoll/base/log.hpp>

#include "lease_state.hpp"

namespace plimsoll::host {

Host::Impl::~Impl() {
  {
    std::unique_lock lock(mutex);
    ending.request_stop();
    for (auto& [ticket, waiter] : waiters) {
      if (waiter.granted || waiter.refused) continue;
      dispatcher.withdraw(ticket);
      waiter.refused = Error(ErrorCode::cancelled, "the host is ending");
    }
    changed.notify_all();
    const auto nobody = [&] {
      return waiters.empty() && std::ranges::all_of(fleet.models, [&](const FleetModel& model) {
               return dispatcher.leases(model.request.name) == 0;
             });
    };
    changed.wait(lock, nobody);
  }
  thread.request_stop();
  thread.join();
  residents.clear();
  successors_place.reset();
  mapped.clear();
  kept.clear();
  compute_groups.clear();
  backends.reset();
}

void Host::Impl::give_back(const std::string& model, bool failed) noexcept {
  const std::lock_guard lock(mutex);
  try {
    if (failed && is_resident(dispatcher.state(model))) {
      log::error("host", "'{}' computes no more; it goes", model);
      reasons[model] = "it computed no more";
      dispatcher.lost(model);
    }
    dispatcher.give_back(model, clock.now());
  } catch (const std::exception& error) {  // leases end in destructors
    log::error("host", "giving '{}' back: {}", model, error.what());
  }
  pump();
}

void Host::Impl::claim(ConversationId id, const std::string& model) {
  const std::lock_guard lock(mutex);
  const auto found = conversations.find(id);
  if (found == conversations.end() || found->second.model != model)
    throw Error(ErrorCode::usage, fmt::format("'{}' has no conversation {}", model, id));
  if (std::exchange(found->second.in_use, true))
    throw Error(ErrorCode::busy, fmt::format("conversation {} of '{}' has a lease already", id, model));
}

void Host::Impl::unclaim(ConversationId id) noexcept {
  const std::lock_guard lock(mutex);
  if (const auto found = conversations.find(id); found != conversations.end()) found->second.in_use = false;
}

HostStatus Host::Impl::status() const {
  HostStatus out;
  {
    const std::lock_guard lock(mutex);
    out.waiting = dispatcher.waiting();
    for (const plan::ModelPlan& model : model_plans()) {
      const Counts& count = counts.at(model.name);
      const auto resident = residents.find(model.name);
      const bool here = resident != residents.end() && resident->second;
      out.models.push_back({.name = model.name,
                            .compute_group = model.compute_group,
                            .state = dispatcher.state(model.name),
                            .pinned = dispatcher.is_pinned(model.name),
                            .slots = slots_of(model),
                            .leases = dispatcher.leases(model.name),
                            .waiting = dispatcher.waiting(model.name),
                            .planned = room.plan_of(model.name).entries,
                            .last_used = dispatcher.last_used(model.name),
                            .loads = count.loads,
                            .load_failures = count.load_failures,
                            .evictions = count.evictions,
                            .refusals = count.refusals,
                            .tokens = count.tokens_before + (here ? resident->second->instance->tokens_computed() : 0),
                            .last_load_ms = count.last_load_ms,
                            .total_load_ms = count.times.load.sum() * 1000,
                            .failure = dispatcher.failure(model.name),
                            .seal = here ? resident->second->instance->seal_counts() : memory::SealCounts{}});
    }
  }
  out.events_dropped = log.dropped();
  const SwappedBytes held = swap_space.held();
  out.swapped_conversations = held.conversations;
  out.swapped_to_memory = held.in_memory + held.tokens;
  out.swapped_to_disk = held.on_disk;
  out.kept_weights = kept.held().all();
  return out;
}

std::map<std::string, ModelTimes> Host::Impl::times() const {
  std::map<std::string, ModelTimes> out;
  const std::lock_guard lock(mutex);
  for (const plan::ModelPlan& model : model_plans()) out[model.name] = counts.at(model.name).times;
  return out;
}

void Host::Impl::note_queued(const std::string& model, double seconds) {
  const std::lock_guard lock(mutex);
  counts.at(model).times.queue.add(seconds);
}

Host::Host(run::MemoryAccounting& accounting, Fleet fleet, dry_run::DryRunSource& dry_runs, plan::Store& store,
           HostOptions options)
    : impl_(std::make_unique<Impl>(accounting, std::move(fleet), dry_runs, store, std::move(options))) {}
Host::~Host() = default;

Lease Host::acquire(const std::string& model, AcquireOptions options) {
  if (options.conversation) impl_->claim(*options.conversation, model);
  auto held = std::make_unique<Lease::State>();
  double queued = 0;
  try {
    while (!held->resident) {
      Impl::Granted granted = impl_->wait_for(model, options, true);
      queued += granted.waited;
      if (granted.resident->is_intact()) {
        held->resident = std::move(granted.resident);
      } else {
        granted.resident.reset();
        impl_->give_back_changed(model);
      }
    }
  } catch (...) {
    if (options.conversation) impl_->unclaim(*options.conversation);
    throw;
  }
  held->host = impl_.get();
  held->kept = options.conversation;
  impl_->note_queued(model, queued);
  if (held->kept) held->acquire_sequence();  // where this throws, the lease is given back
  return Lease(std::move(held));
}

ConversationId Host::new_conversation(const std::string& model) {
  const std::lock_guard lock(impl_->mutex);
  (void)impl_->dispatcher.state(model);  // throws where there is no such model
  const ConversationId id = impl_->next_conversation++;
  impl_->conversations[id] = {.model = model};
  return id;
}

void Host::end_conversation(ConversationId conversation) {
  std::shared_ptr<Resident> resident;
  {
    const std::lock_guard lock(impl_->mutex);
    const auto found = impl_->conversations.find(conversation);
    if (found == impl_->conversations.end())
      throw Error(ErrorCode::usage, fmt::format("there is no conversation {}", conversation));
    if (found->second.in_use) throw Error(ErrorCode::busy, fmt::format("conversation {} has a lease", conversation));
    if (const auto here = impl_->residents.find(found->second.model); here != impl_->residents.end())
      resident = here->second;
    impl_->conversations.erase(found);
  }
  if (resident && resident->forget(conversation)) return;
  impl_->swap_space.forget(conversation);
}

void Host::load(const std::string& model, std::stop_token stop) {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->dispatcher.retry(model);
  }
  (void)impl_->wait_for(model, {.stop = std::move(stop)}, false);
}

void Host::unload(const std::string& model) {
  const std::lock_guard lock(impl_->mutex);
  if (impl_->dispatcher.is_pinned(model))
    throw Error(ErrorCode::usage, fmt::format("'{}' is pinned; unpin it first", model));
  impl_->dispatcher.let_go(model);
  impl_->pump();
}

void Host::pin(const std::string& model, bool pinned) {
  const std::lock_guard lock(impl_->mutex);
  impl_->dispatcher.pin(model, pinned);
  impl_->pump();
}

HostStatus Host::status() const { return impl_->status(); }
std::map<std::string, ModelTimes> Host::times() const { return impl_->times(); }
HostLog& Host::log() noexcept { return impl_->log; }
run::MemoryAccounting& Host::accounting() noexcept { return impl_->accounting; }
const Fleet& Host::fleet() const noexcept { return impl_->fleet; }
std::vector<plan::ModelPlan> Host::plans() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->plans;
}
std::string Host::planned_files(const std::string& model) const { return impl_->files_if_as_planned(model); }
std::vector<plan::DeviceState> Host::devices() const { return impl_->device_states(); }

}  // namespace plimsoll::host
