#include <plimsoll/host/host.hpp>

#include <fmt/format.h>

#include <algorithm>

#include <plimsoll/base/error.hpp>
#include <plimsoll/base/log.hpp>

#include "host_impl.hpp"

namespace plimsoll::host {

// What a lease holds; giving it up is what ends it.
struct Lease::Held {
  Host::Impl* host = nullptr;  // while there is a lease to give back
  std::shared_ptr<Resident> resident;
  std::optional<ConversationId> kept;
  std::optional<run::Conversation> conversation;
  std::optional<run::Conversation> draft;

  // What lasts goes back to its place, what does not is gone.
  void stand_up() {
    const std::optional<ConversationId> id = std::exchange(kept, std::nullopt);
    try {
      if (conversation && id) resident->keep(*id, std::move(*conversation));
    } catch (...) {
      host->unclaim(*id);
      throw;
    }
    conversation.reset();
    if (id) host->unclaim(*id);
  }

  void sit_down() {
    if (!resident->executor) {
      throw Error(ErrorCode::unsupported,
                  fmt::format("'{}' was planned for embeddings and has no conversations", resident->name));
    }
    conversation = resident->sit_down(kept, host->parked);
  }

  ~Held() {
    if (host == nullptr) return;
    try {
      stand_up();
    } catch (const std::exception& error) {
      log::error("host", "a conversation of '{}' is lost: {}", resident->name, error.what());
    }
    conversation.reset();
    draft.reset();
    const std::string model = resident->name;
    const bool failed = resident->has_failed();
    resident.reset();  // before others may take it away
    host->give_back(model, failed);
  }
};

Lease::Lease(std::unique_ptr<Held> held) noexcept : held_(std::move(held)) {}
Lease::Lease(Lease&&) noexcept = default;
Lease& Lease::operator=(Lease&&) noexcept = default;
Lease::~Lease() = default;

const std::string& Lease::model() const noexcept { return held_->resident->name; }
run::Instance& Lease::instance() const noexcept { return *held_->resident->instance; }

run::Conversation& Lease::conversation() {
  if (!held_->conversation) held_->sit_down();
  return *held_->conversation;
}

std::optional<LeasedDraft> Lease::draft() {
  if (!held_->resident->draft) return std::nullopt;
  if (!held_->draft) held_->draft = held_->resident->draft->executor->create();
  return LeasedDraft{.conversation = *held_->draft,
                     .speculation = held_->host->declared(held_->resident->name).draft->speculation};
}

void Lease::resume(ConversationId conversation) {
  if (held_->kept == conversation) return;
  held_->stand_up();
  held_->host->claim(conversation, model());
  held_->kept = conversation;
  try {
    held_->sit_down();
  } catch (...) {
    held_->stand_up();
    throw;
  }
}

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
  bridge.reset();
  mapped.clear();
  lanes.clear();
  backends.reset();
}

// Whatever ends the waiting: nobody is waited for who waits no more, or the host could not end. With the lock held.
class Host::Impl::Waiting {
 public:
  Waiting(Impl& host, TicketId ticket) : host_(host), ticket_(ticket) {}
  ~Waiting() {
    const auto waiter = host_.waiters.find(ticket_);
    const bool answered = waiter != host_.waiters.end() && (waiter->second.granted || waiter->second.refused);
    if (waiter != host_.waiters.end()) host_.waiters.erase(waiter);
    if (!answered) {
      host_.dispatcher.withdraw(ticket_);
      host_.pump();  // who was to go for it may stay
    }
    host_.changed.notify_all();
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

 private:
  Impl& host_;
  TicketId ticket_;
};

std::shared_ptr<Resident> Host::Impl::wait_for(const std::string& model, const AcquireOptions& request,
                                               bool needs_seat) {
  const auto until =
      request.patience ? std::optional(std::chrono::steady_clock::now() + *request.patience) : std::nullopt;
  std::unique_lock lock(mutex);
  (void)dispatcher.state(model);  // throws where there is no such model
  if (ending.stop_requested()) throw Error(ErrorCode::cancelled, "the host is ending");
  if (dispatcher.waiting() >= options.longest_queue) {
    throw Error(ErrorCode::busy, fmt::format("{} requests wait already", dispatcher.waiting()),
                {{"waiting", dispatcher.waiting()}});
  }
  const TicketId ticket = dispatcher.ask(model, request.when_busy, needs_seat, request.when_short);
  const Waiting waiting(*this, ticket);
  Waiter& waiter = waiters[ticket];
  pump();

  const auto over = [&] {
    return waiter.granted || waiter.refused || request.stop.stop_requested() ||
           (until && std::chrono::steady_clock::now() >= *until);
  };
  std::exception_ptr from_listener;
  std::optional<std::size_t> told;
  while (!over() && !from_listener) {
    const Dispatcher::Place place = dispatcher.place_of(ticket);
    if (request.waiting && told != place.position) {
      told = place.position;
      lock.unlock();
      try {
        request.waiting(place);
      } catch (...) {
        from_listener = std::current_exception();
      }
      lock.lock();
      continue;
    }
    const auto news = [&] { return over() || (request.waiting && dispatcher.place_of(ticket).position != *told); };
    if (until) {
      (void)changed.wait_until(lock, request.stop, *until, news);
    } else {
      (void)changed.wait(lock, request.stop, news);
    }
  }
  if (waiter.refused) throw *waiter.refused;
  if (waiter.granted) return needs_seat ? residents.at(model) : nullptr;  // without a seat it may have gone again
  if (from_listener) std::rethrow_exception(from_listener);
  if (request.stop.stop_requested())
    throw Error(ErrorCode::cancelled, fmt::format("waiting for '{}' was cancelled", model));
  if (waiter.short_of) throw *waiter.short_of;
  throw Error(ErrorCode::busy, fmt::format("'{}' did not become free within {} ms", model, request.patience->count()),
              {{"waited_ms", static_cast<std::uint64_t>(request.patience->count())}});
}

void Host::Impl::give_back(const std::string& model, bool failed) noexcept {
  const std::lock_guard lock(mutex);
  try {
    if (failed && is_resident(dispatcher.state(model))) {
      log::error("host", "'{}' computes no more; it goes, and is loaded anew for the next request", model);
      reasons[model] = "it computed no more";
      dispatcher.failed(model);
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
      const bool embeds = model.request.context.embeddings;
      out.models.push_back({.name = model.name,
                            .lane = model.lane,
                            .state = dispatcher.state(model.name),
                            .pinned = dispatcher.is_pinned(model.name),
                            .seats = embeds ? 1U : model.survey.context.n_seq_max,
                            .leases = dispatcher.leases(model.name),
                            .waiting = dispatcher.waiting(model.name),
                            .planned = room.plan_of(model.name).lines,
                            .last_used = dispatcher.last_used(model.name),
                            .loads = count.loads,
                            .load_failures = count.load_failures,
                            .evictions = count.evictions,
                            .refusals = count.refusals,
                            .tokens = count.tokens_before + (here ? resident->second->instance->tokens_computed() : 0),
                            .last_load_ms = count.last_load_ms,
                            .total_load_ms = count.total_load_ms,
                            .seal = here ? resident->second->instance->seal_counts() : memory::SealCounts{}});
    }
  }
  out.events_dropped = log.dropped();
  const ParkedBytes held = parked.held();
  out.parked_conversations = held.conversations;
  out.parked_in_memory = held.in_memory + held.tokens;
  out.parked_on_disk = held.on_disk;
  return out;
}

Host::Host(run::MemoryBooks& books, Fleet fleet, gauge::SurveySource& surveys, plan::Store& store, HostOptions options)
    : impl_(std::make_unique<Impl>(books, std::move(fleet), surveys, store, std::move(options))) {}
Host::~Host() = default;

Lease Host::acquire(const std::string& model, AcquireOptions options) {
  if (options.conversation) impl_->claim(*options.conversation, model);
  auto held = std::make_unique<Lease::Held>();
  try {
    held->resident = impl_->wait_for(model, options, true);
    while (!held->resident->is_intact()) {
      held->resident.reset();
      impl_->give_back_changed(model);
      held->resident = impl_->wait_for(model, options, true);
    }
  } catch (...) {
    if (options.conversation) impl_->unclaim(*options.conversation);
    throw;
  }
  held->host = impl_.get();
  held->kept = options.conversation;
  if (held->kept) held->sit_down();  // where this throws, the lease is given back
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
  impl_->parked.forget(conversation);
}

void Host::load(const std::string& model, std::stop_token stop) {
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
HostLog& Host::log() noexcept { return impl_->log; }
run::MemoryBooks& Host::books() noexcept { return impl_->books; }
const Fleet& Host::fleet() const noexcept { return impl_->fleet; }
const std::vector<plan::ModelPlan>& Host::plans() const noexcept { return impl_->plans; }
std::vector<plan::DeviceState> Host::devices() const { return impl_->device_states(); }

}  // namespace plimsoll::host
