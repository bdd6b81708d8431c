#include "host/dispatcher.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

namespace plimsoll::host {

using enum ModelState;

namespace {

template <class Models>
Error no_such_model(const std::string& name, const Models& models) {
  constexpr std::size_t kMostNamed = 10;
  std::vector<std::string> names;
  for (const auto& [known, model] : models) {
    if (!model.retired) names.push_back(known);
  }
  const bool are_more = names.size() > kMostNamed;
  if (are_more) names.resize(kMostNamed);
  return {ErrorCode::usage, fmt::format("this fleet has no model '{}'; it has {}{}", name, fmt::join(names, ", "),
                                        are_more ? " and others" : "")};
}

}  // namespace

Dispatcher::Dispatcher(const std::vector<ModelRules>& models, std::chrono::milliseconds time_slice)
    : time_slice_(time_slice) {
  for (const ModelRules& rules : models) models_[rules.name].rules = rules;
}

const Dispatcher::Model& Dispatcher::model(const std::string& name) const {
  const auto found = models_.find(name);
  if (found == models_.end()) throw no_such_model(name, models_);
  return found->second;
}

Dispatcher::Model& Dispatcher::model(const std::string& name) {
  return const_cast<Model&>(std::as_const(*this).model(name));  // the map itself is ours to change
}

void Dispatcher::move(Model& model, ModelState to) {
  if (!may_follow(model.state, to)) {
    throw Error(ErrorCode::internal,
                fmt::format("'{}' cannot go from {} to {}", model.rules.name, to_string(model.state), to_string(to)));
  }
  decisions_.emplace_back(Moved{.model = model.rules.name, .from = model.state, .to = to});
  model.state = to;
}

// --- what happened ---

TicketId Dispatcher::ask(const std::string& name, WhenBusy when_busy, bool needs_slot, WhenShort when_short,
                         const Claim& claim) {
  Model& wanted = model(name);
  if (wanted.retired) throw no_such_model(name, models_);
  wanted.leaving = false;
  has_claims_ = has_claims_ || !claim.is_plain();
  shares_.arrive(claim.tenant, claim.weight);
  tickets_.push_back({.id = next_,
                      .model = name,
                      .when_busy = when_busy,
                      .needs_slot = needs_slot,
                      .when_short = when_short,
                      .claim = claim});
  return next_++;
}

void Dispatcher::withdraw(TicketId ticket) {
  const auto found = std::ranges::find(tickets_, ticket, &Ticket::id);
  if (found == tickets_.end()) return;
  Model& wanted = model(found->model);
  if (!found->needs_slot && is_loading(wanted)) wanted.keeps_loading = true;
  shares_.leave(found->claim.tenant);
  tickets_.erase(found);
}

void Dispatcher::withdraw_all() {
  for (const Ticket& ticket : tickets_) shares_.leave(ticket.claim.tenant);
  tickets_.clear();
  for (auto& [name, one] : models_) one.keeps_loading = false;
}

void Dispatcher::give_back(const std::string& name, Time now) {
  const auto lease = std::ranges::find(leases_, name, [](const auto& pair) { return pair.second.model; });
  if (lease == leases_.end()) throw Error(ErrorCode::internal, fmt::format("'{}' has no lease to give back", name));
  give_back(lease->first, now);
}

const std::string& Dispatcher::model_of(TicketId lease) const {
  const auto found = leases_.find(lease);
  if (found == leases_.end()) throw Error(ErrorCode::internal, fmt::format("there is no lease {}", lease));
  return found->second.model;
}

void Dispatcher::give_back(TicketId lease, Time now, std::optional<double> took) {
  Model& one = model(model_of(lease));
  const Claim& claim = leases_.at(lease).claim;
  if (took) shares_.correct(claim.tenant, *took - claim.cost);
  shares_.leave(claim.tenant);
  leases_.erase(lease);
  --one.leases;
  if (!one.broken) one.losses = 0;
  one.last_used = now;
}

void Dispatcher::pin(const std::string& name, bool pinned) { model(name).rules.pinned = pinned; }

void Dispatcher::set_time_to_live(const std::string& name, std::optional<std::chrono::milliseconds> idle) {
  model(name).rules.time_to_live = idle;
}

void Dispatcher::let_go(const std::string& name) {
  Model& one = model(name);
  if (one.state == ready || one.state == draining) one.leaving = true;
  if (!is_loading(one)) return;
  one.keeps_loading = false;
  const std::deque<Ticket> all = tickets_;
  for (const Ticket& ticket : all) {
    if (ticket.model == name && !ticket.needs_slot)
      refuse(ticket, ErrorCode::cancelled, fmt::format("'{}' was unloaded before it was ready", name));
  }
}

void Dispatcher::warming(const std::string& name) { move(model(name), ModelState::warming); }

void Dispatcher::loaded(const std::string& name, Time now, std::chrono::milliseconds took) {
  Model& one = model(name);
  move(one, ready);
  one.was_loaded = true;
  one.keeps_loading = false;
  one.failures = 0;
  one.last_used = now;
  one.load_time = took;
  for (Ticket& ticket : tickets_) ticket.boarded = ticket.boarded || ticket.model == name;
}

// --- what is to be done ---

bool Dispatcher::idle(const Model& one) const {
  const auto boarded = [&](const Ticket& ticket) { return ticket.boarded && ticket.model == one.rules.name; };
  return one.leases == 0 && std::ranges::none_of(tickets_, boarded);
}

// Since it is idle for its time to live. Empty: it stays.
std::optional<Dispatcher::Time> Dispatcher::goes_at(const Model& one) const {
  if (!one.rules.time_to_live || one.rules.pinned || one.state != ready || !idle(one)) return std::nullopt;
  return later(one.last_used, *one.rules.time_to_live);
}

bool Dispatcher::stays(const Model& one) { return one.rules.pinned && !one.leaving && !one.yielding && !one.broken; }

bool Dispatcher::is_loading(const Model& one) { return one.state == loading || one.state == ModelState::warming; }

bool Dispatcher::in_transition() const {
  return std::ranges::any_of(models_, [](const auto& pair) { return is_loading(pair.second) || pair.second.evicting; });
}

// In the order of the tickets; those that came while their model was promised away wait for its return.
void Dispatcher::grant_slots(Time now) {
  std::erase_if(tickets_, [&](const Ticket& ticket) {
    Model& one = model(ticket.model);
    const bool is_here = one.state == ready || (one.state == draining && !one.evicting);
    const bool is_promised_away = one.state == draining || one.yielding;  // one that yields is drained after a load
    const bool open = is_here && (ticket.boarded || !is_promised_away);
    if (!open || one.broken || (ticket.needs_slot && one.leases >= one.rules.slots)) return false;
    if (ticket.needs_slot) {
      ++one.leases;
      leases_[ticket.id] = {.model = ticket.model,
                            .claim = ticket.claim,
                            .since = now,
                            .tenant = ticket.claim.tenant,
                            .weight = ticket.claim.weight};
      if (!ticket.comes_back) shares_.serve(ticket.claim.tenant, ticket.claim.cost);
    } else {
      shares_.leave(ticket.claim.tenant);
    }
    decisions_.emplace_back(Grant{.ticket = ticket.id, .model = ticket.model});
    return true;
  });
}

std::vector<Candidate> Dispatcher::candidates(bool idle_only, Time now) const {
  std::vector<Candidate> out;
  for (const auto& [name, one] : models_) {
    const bool can_go = (one.state == ready || one.state == draining) && !stays(one);
    if (!can_go || (idle_only && !idle(one))) continue;
    out.push_back({.name = name,
                   .last_used = one.leases > 0 ? now : one.last_used,
                   .reload_time = one.load_time,
                   .priority = one.rules.priority});
  }
  return out;
}

// Victims of an earlier look that are not wanted any more go on as if nothing had been.
void Dispatcher::drain(const std::vector<std::string>& victims, const std::string& whom_for) {
  draining_for_.clear();
  for (const std::string& name : victims) draining_for_[name] = whom_for;
  for (auto& [name, one] : models_) {
    const bool wanted_away = draining_for_.contains(name) || one.leaving || one.yielding || one.broken;
    if (wanted_away && one.state == ready) move(one, draining);
    if (!wanted_away && one.state == draining && !one.evicting) move(one, ready);
  }
}

void Dispatcher::begin_load(const std::string& name) {
  move(model(name), loading);
  decisions_.emplace_back(Load{name});
}

// Idle ones where they suffice; else busy ones, which then have to be waited for. Nothing: refused, or put off.
std::optional<Dispatcher::Victims> Dispatcher::victims_for(Ticket& ticket, const FreeCapacity& capacity,
                                                           const EvictionPolicy& policy, Time now) {
  auto victims = choose(ticket, capacity, policy, Among::idle_ones, now);
  const bool are_at_work = !victims;
  if (!victims) victims = choose(ticket, capacity, policy, Among::all_of_ours, now);
  if (!victims && ticket.when_busy == WhenBusy::wait) victims = choose(ticket, capacity, policy, Among::all, now);
  if (!victims) {
    turn_away(ticket, capacity, now);
    return std::nullopt;
  }
  if (!victims->offers.empty()) return victims;
  ticket.short_since.reset();
  if (are_at_work && ticket.when_busy == WhenBusy::refuse) {
    refuse(ticket, ErrorCode::busy,
           fmt::format("'{}' needs the memory of '{}', and that is at work", ticket.model,
                       fmt::join(victims->ours, "', '")));
    return std::nullopt;
  }
  return victims;
}

// The oldest ticket that needs memory decides who goes, and who is asked. While it waits for busy ones or for others, a
// later one may have what is free meanwhile, if the older one will fit beside it.
void Dispatcher::make_way(const FreeCapacity& capacity, const EvictionPolicy& policy, Time now) {
  if (in_transition()) return;
  look_again_.reset();
  std::optional<Asked> asked;         // of others, for the oldest
  std::vector<std::string> promised;  // to the oldest: it, and what stays resident beside it
  std::vector<std::string> victims;
  std::set<std::string> seen;
  const std::deque<Ticket> all = tickets_;
  for (const Ticket& one : all) {
    const auto found = std::ranges::find(tickets_, one.id, &Ticket::id);
    if (found == tickets_.end()) continue;
    Ticket& ticket = *found;
    if (is_resident(model(ticket.model).state) || seen.contains(ticket.model)) continue;
    if (promised.empty()) {
      auto chosen = victims_for(ticket, capacity, policy, now);
      if (!chosen) continue;  // refused: the next one is the oldest
      const bool nobody_goes = chosen->ours.empty() && chosen->offers.empty();
      if (asked) {
        if (!nobody_goes || !leaves_room(*asked, ticket.model, capacity)) continue;
        drain({}, {});
        return begin_load(ticket.model);
      }
      if (!chosen->offers.empty()) {
        ask_others(ticket, *chosen, capacity, now);
        asked = Asked{.model = ticket.model, .victims = std::move(*chosen)};
        continue;
      }
      victims = std::move(chosen->ours);
      if (victims.empty()) {
        drain({}, {});
        return begin_load(ticket.model);
      }
      drain(victims, ticket.model);
      promised = resident();
      std::erase_if(promised, [&](const std::string& name) { return std::ranges::contains(victims, name); });
      promised.push_back(ticket.model);
    } else {
      std::vector<std::string> later = promised;
      later.push_back(ticket.model);
      const bool wait_is_over = std::ranges::all_of(victims, [&](const auto& name) { return idle(model(name)); });
      if (!wait_is_over && capacity.admits(ticket.model, resident(), {}) && capacity.fits(later))
        return begin_load(ticket.model);
    }
    seen.insert(ticket.model);
  }
  if (promised.empty()) drain({}, {});
}

// One at a time, as loads are.
void Dispatcher::evict_idle(Time now) {
  for (auto& [name, one] : models_) {
    if (in_transition()) return;
    if (const auto at = goes_at(one); at && now >= *at) {
      one.leaving = true;
      move(one, draining);
    }
    if (one.state != draining || !idle(one)) continue;
    const auto whom_for = draining_for_.find(name);
    // Victims go together: should the one they go for be withdrawn while it waits for a busy one, nobody went in vain.
    const bool all_idle =
        std::ranges::all_of(draining_for_, [&](const auto& victim) { return idle(model(victim.first)); });
    if (whom_for != draining_for_.end() && !all_idle) continue;
    one.evicting = true;
    decisions_.emplace_back(
        Evict{.model = name, .whom_for = whom_for == draining_for_.end() ? std::string{} : whom_for->second});
  }
}

void Dispatcher::mend_times(Time now) {
  constexpr std::chrono::seconds kFurthest{10};  // nobody looks again later than that; a look too early costs nothing
  if (look_again_) look_again_ = std::min(*look_again_, now + kFurthest);
  for (auto& [name, one] : models_) one.last_used = std::min(one.last_used, now);
  for (auto& [id, lease] : leases_) {
    lease.since = std::min(lease.since, now);
    for (std::optional<Time>* const at : {&lease.asked_to_go, &lease.wants_more}) {
      if (*at) *at = std::min(**at, now);
    }
  }
  for (Ticket& ticket : tickets_) ticket.since = std::min(ticket.since.value_or(now), now);
}

std::vector<Decision> Dispatcher::decide(const FreeCapacity& capacity, const EvictionPolicy& policy, Time now) {
  mend_times(now);
  refuse_failed(now);
  order(now);
  grant_slots(now);
  make_way(capacity, policy, now);
  grant_slots(now);  // of those that turned out not to have to go
  preempt(now);
  evict_idle(now);
  return std::exchange(decisions_, {});
}

bool Dispatcher::needs_capacity() const {
  return !in_transition() &&
         std::ranges::any_of(tickets_, [&](const Ticket& ticket) { return !is_resident(model(ticket.model).state); });
}

std::optional<Dispatcher::Time> Dispatcher::next_look() const {
  std::optional<Time> soonest = look_again_;
  if (preempt_at_ && (!soonest || *preempt_at_ < *soonest)) soonest = preempt_at_;
  for (const auto& [name, one] : models_) {
    if (const auto at = goes_at(one); at && (!soonest || *at < *soonest)) soonest = at;
  }
  return soonest;
}

// --- what is true ---

ModelState Dispatcher::state(const std::string& name) const { return model(name).state; }
std::size_t Dispatcher::leases(const std::string& name) const { return model(name).leases; }
std::size_t Dispatcher::leases() const { return leases_.size(); }
bool Dispatcher::is_wanted(const std::string& name) const {
  return model(name).keeps_loading || std::ranges::contains(tickets_, name, &Ticket::model);
}
bool Dispatcher::is_pinned(const std::string& name) const { return model(name).rules.pinned; }

std::optional<std::chrono::milliseconds> Dispatcher::time_to_live(const std::string& name) const {
  return model(name).rules.time_to_live;
}

std::optional<Dispatcher::Time> Dispatcher::last_used(const std::string& name) const {
  const Model& one = model(name);
  return one.was_loaded ? std::optional(one.last_used) : std::nullopt;
}

std::size_t Dispatcher::waiting(const std::string& name) const {
  return static_cast<std::size_t>(std::ranges::count(tickets_, name, &Ticket::model));
}

std::vector<std::string> Dispatcher::resident() const {
  std::vector<std::string> out;
  for (const auto& [name, one] : models_) {
    if (is_resident(one.state)) out.push_back(name);
  }
  return out;
}

Dispatcher::Place Dispatcher::place_of(TicketId ticket) const {
  Place place;
  std::set<std::string> to_load;
  for (const Ticket& one : tickets_) {
    const Model& wanted = model(one.model);
    if (wanted.state != ready && to_load.insert(one.model).second) place.estimate += wanted.load_time;
    if (one.id == ticket) break;
    ++place.position;
  }
  return place;
}

void Dispatcher::expect_load_time(const std::string& name, std::chrono::milliseconds estimate) {
  model(name).load_time = estimate;
}

}  // namespace plimsoll::host
