// Several slots for one request: who gets what is free, and when it comes back.
#include <fmt/format.h>

#include <algorithm>
#include <ranges>

#include <plimsoll/base/error.hpp>
#include "host/dispatcher.hpp"

namespace plimsoll::host {
namespace {

// Whoever wants another slot asks whenever it has told something.
constexpr std::chrono::seconds kStillWanted{1};

}  // namespace

// Its slots are others' already, or soon nobody's.
bool Dispatcher::is_promised(const std::string& name) const {
  const Model& one = model(name);
  if (one.state != ModelState::ready || one.leaving || one.yielding || one.broken) return true;
  return std::ranges::any_of(tickets_, [&](const Ticket& ticket) { return ticket.needs_slot && ticket.model == name; });
}

std::size_t Dispatcher::held_by(const std::string& tenant, const std::string& name) const {
  const auto is_its = [&](const Lease& lease) { return lease.tenant == tenant && lease.model == name; };
  return static_cast<std::size_t>(std::ranges::count_if(leases_ | std::views::values, is_its));
}

// Another tenant that wants more of the same model, and that with one more would have fewer for its weight.
bool Dispatcher::somebody_has_less(const Lease& than, std::size_t held, Time now) const {
  const double mine = static_cast<double>(held) / than.weight;
  return std::ranges::any_of(leases_ | std::views::values, [&](const Lease& other) {
    if (other.model != than.model || other.tenant == than.tenant) return false;
    if (!other.wants_more || now - *other.wants_more > kStillWanted) return false;
    return static_cast<double>(held_by(other.tenant, other.model) + 1) / other.weight < mine;
  });
}

std::optional<TicketId> Dispatcher::take_another(TicketId of, Time now) {
  const std::string name = model_of(of);
  Model& one = model(name);
  Lease& asks = leases_.at(of);
  asks.wants_more = now;
  if (is_promised(name) || one.leases >= one.rules.slots) return std::nullopt;
  if (somebody_has_less(asks, held_by(asks.tenant, name) + 1, now)) return std::nullopt;
  asks.wants_more.reset();
  ++one.leases;
  shares_.arrive({}, 1);  // what it takes is its request's, whose own lease says it
  leases_[next_] = {.model = name, .claim = {}, .since = now, .tenant = asks.tenant, .weight = asks.weight};
  return next_++;
}

std::optional<TicketId> Dispatcher::take_another(const std::string& name, Time now) {
  const auto lease = std::ranges::find(leases_, name, [](const auto& pair) { return pair.second.model; });
  if (lease == leases_.end()) throw Error(ErrorCode::internal, fmt::format("'{}' has no lease", name));
  return take_another(lease->first, now);
}

bool Dispatcher::wants_slot_back(TicketId lease, Time now) const {
  const Lease& one = leases_.at(lease);
  if (is_promised(one.model)) return true;
  const Model& its = model(one.model);
  return its.leases >= its.rules.slots && somebody_has_less(one, held_by(one.tenant, one.model), now);
}

}  // namespace plimsoll::host
