// In which order tickets are served where they come with claims, and which leases give way.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "host/dispatcher.hpp"

namespace plimsoll::host {
namespace {

// Waiting that long counts as one priority more. Who gives way for that alone has had its slot as long.
constexpr std::chrono::minutes kAging{1};
// A lease that is asked to go says so behind the batch that it computes. One with several answers, or in the middle of
// a prompt that is told, does not for as long as those take: another one is asked then. Heuristic.
constexpr std::chrono::seconds kLongestToGo{5};

}  // namespace

// A tenant's tickets follow one another in its virtual time, each by what the one before it is expected to take.
void Dispatcher::order(Time now) {
  if (!has_claims_) return;
  const auto priority = [&](const Ticket& ticket) { return ticket.claim.priority + (now - *ticket.since) / kAging; };
  std::ranges::stable_sort(
      tickets_, {}, [&](const Ticket& ticket) { return std::tuple(-priority(ticket), !ticket.comes_back, ticket.id); });
  std::map<std::string, double> next;
  for (Ticket& ticket : tickets_) {
    const std::string& tenant = ticket.claim.tenant;
    double& start = next.try_emplace(tenant, shares_.time_of(tenant)).first->second;
    ticket.start = start;
    if (!ticket.comes_back) start += shares_.step_of(tenant, ticket.claim.cost);
  }
  std::ranges::stable_sort(tickets_, {}, [&](const Ticket& ticket) {
    return std::tuple(-priority(ticket), !ticket.comes_back, ticket.start, ticket.id);
  });
}

// Of the leases that give way the one of the lowest priority, and of those the youngest, but of its equals the oldest;
// none: there is none yet.
std::optional<TicketId> Dispatcher::lease_for(const Ticket& ticket, Time now) {
  std::optional<TicketId> found;
  // A lower priority gives way once its time slice is over, another one to who has waited until it counts as more.
  const auto gives_way_at = [&](const Lease& lease) {
    const int behind = lease.claim.priority - ticket.claim.priority + 1;
    if (behind <= 0) return lease.since + time_slice_;
    return std::max(lease.since + std::max<std::chrono::milliseconds>(kAging, time_slice_),
                    *ticket.since + kAging * behind);
  };
  const auto rank = [&](TicketId id) {
    const Lease& lease = leases_.at(id);
    const auto age = lease.since.time_since_epoch().count();
    return std::tuple(lease.claim.priority, lease.claim.priority < ticket.claim.priority ? -age : age);
  };
  for (const auto& [id, lease] : leases_) {
    if (lease.model != ticket.model || !lease.claim.may_give_way || lease.asked_to_go) continue;
    if (const Time at = gives_way_at(lease); now < at)
      preempt_at_ = std::min(preempt_at_.value_or(at), at);
    else if (!found || rank(id) < rank(*found))
      found = id;
  }
  return found;
}

// Slots of a model that are on their way to who waits for them, and when the first of them counts no more.
struct Dispatcher::Coming {
  std::size_t slots = 0;
  std::optional<Time> until{};
};

std::map<std::string, Dispatcher::Coming> Dispatcher::slots_that_come(Time now) const {
  std::map<std::string, Coming> out;
  for (const auto& [id, lease] : leases_) {
    if (!lease.asked_to_go) continue;
    const Time until = *lease.asked_to_go + kLongestToGo;
    if (now >= until) continue;
    Coming& coming = out[lease.model];
    ++coming.slots;
    coming.until = std::min(coming.until.value_or(until), until);
  }
  return out;
}

// For each ticket that waits for a slot of a ready model, unless one is on its way to it.
void Dispatcher::preempt(Time now) {
  preempt_at_.reset();
  const auto look_again = [&](Time at) { preempt_at_ = std::min(preempt_at_.value_or(at), at); };
  std::map<std::string, Coming> on_their_way = slots_that_come(now);
  for (const Ticket& ticket : tickets_) {
    const Model& wanted = model(ticket.model);
    if (!ticket.needs_slot || wanted.state != ModelState::ready || wanted.yielding || wanted.broken) continue;
    if (Coming& coming = on_their_way[ticket.model]; coming.slots > 0) {
      --coming.slots;
      look_again(*coming.until);
      continue;
    }
    const auto lease = lease_for(ticket, now);
    if (!lease) continue;
    leases_.at(*lease).asked_to_go = now;
    look_again(now + kLongestToGo);
    decisions_.emplace_back(Preempt{.lease = *lease, .model = ticket.model, .whom_for = ticket.id});
  }
}

TicketId Dispatcher::give_way(TicketId lease, Time now) {
  const std::string name = model_of(lease);
  Model& one = model(name);
  const Claim claim = leases_.at(lease).claim;
  leases_.erase(lease);
  --one.leases;
  one.last_used = now;
  tickets_.push_back({.id = next_,
                      .model = name,
                      .when_busy = WhenBusy::wait,
                      .needs_slot = true,
                      .when_short = WhenShort::refuse,
                      .claim = claim,
                      .boarded = !one.broken,
                      .comes_back = true});
  // What it computed with goes: nothing could go on.
  if (one.broken || one.retired)
    refuse(tickets_.back(), ErrorCode::engine_failed, fmt::format("'{}' goes while its request gives way", name));
  return next_++;
}

}  // namespace plimsoll::host
