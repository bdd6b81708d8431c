// Other processes: who of theirs is asked to go, and who of ours goes for them.
#include <algorithm>
#include <iterator>

#include "host/dispatcher.hpp"

namespace plimsoll::host {
namespace {

// How often it is looked whether others have answered.
constexpr std::chrono::milliseconds kLookForAnswers{100};
// Who has waited so long for what others hold asks for models at work, too: one that always is would keep its memory
// for ever.
constexpr std::chrono::seconds kPatienceWithWork{2};

}  // namespace

// Of this process's models and of those that others offer, by one policy.
std::optional<Dispatcher::Victims> Dispatcher::choose(const Ticket& ticket, const FreeCapacity& capacity,
                                                      const EvictionPolicy& policy, Among among, Time now) const {
  std::vector<Candidate> may_go = candidates(among == Among::idle_ones, now);
  std::vector<std::string> names;
  for (const Candidate& one : may_go) names.push_back(one.name);
  std::vector<std::string> stay;
  std::ranges::set_difference(resident(), names, std::back_inserter(stay));  // both are in the order of names
  std::vector<std::size_t> offers;
  for (std::size_t i = 0; i < capacity.offers().size(); ++i) {
    const OfferOfOthers& offer = capacity.offers()[i];
    if (offer.is_at_work && among != Among::all) continue;
    offers.push_back(i);
    may_go.push_back(offer.candidate);
  }
  FreeCapacity::Trial trial(capacity, ticket.model, stay, names, offers);
  const auto chosen = choose_victims(may_go, policy, now, trial);
  if (!chosen) return std::nullopt;
  Victims victims;
  for (const std::string& name : *chosen) {
    const auto offer =
        std::ranges::find(capacity.offers(), name, [](const OfferOfOthers& one) { return one.candidate.name; });
    const bool is_offer = offer != capacity.offers().end();
    (is_offer ? victims.offers : victims.ours).push_back(name);
    victims.some_offers_are_at_work = victims.some_offers_are_at_work || (is_offer && offer->is_at_work);
  }
  return victims;
}

// Nobody of ours goes before they have: it would be in vain where they stay.
void Dispatcher::ask_others(Ticket& ticket, const Victims& victims, const FreeCapacity& capacity, Time now) {
  if (!ticket.short_since || now < *ticket.short_since) ticket.short_since = now;
  look_again_by(now + kLookForAnswers);
  const bool is_too_early = victims.some_offers_are_at_work && now - *ticket.short_since < kPatienceWithWork;
  decisions_.emplace_back(AskOthers{.ticket = ticket.id,
                                    .model = ticket.model,
                                    .offers = is_too_early ? std::vector<std::string>{} : victims.offers,
                                    .needs = capacity.needs_of(ticket.model)});
}

// For the model that waits, once its victims have gone: beside one that came later and is loaded before it.
bool Dispatcher::leaves_room(const Asked& asked, const std::string& later, const FreeCapacity& capacity) const {
  const std::vector<std::string>& ours = asked.victims.ours;
  std::vector<std::string> stay = resident();
  std::erase_if(stay, [&](const std::string& name) { return std::ranges::contains(ours, name); });
  std::vector<std::size_t> offers;
  for (std::size_t i = 0; i < capacity.offers().size(); ++i) {
    if (std::ranges::contains(asked.victims.offers, capacity.offers()[i].candidate.name)) offers.push_back(i);
  }
  FreeCapacity::Trial trial(capacity, asked.model, stay, ours, offers, later);
  for (std::size_t i = 0; i < ours.size() + offers.size(); ++i) trial.remove(i);
  return trial.fits();
}

bool Dispatcher::is_held_up(TicketId ticket) const {
  const auto found = std::ranges::find(tickets_, ticket, &Ticket::id);
  return found != tickets_.end() && !is_resident(model(found->model).state) && in_transition();
}

void Dispatcher::look_again_by(Time at) { look_again_ = std::min(look_again_.value_or(at), at); }

bool Dispatcher::yield(const std::string& name, bool even_at_work) {
  Model& one = model(name);
  if (one.state == ModelState::draining && (one.yielding || one.evicting)) return true;
  if ((one.state != ModelState::ready && one.state != ModelState::draining) || one.rules.pinned) return false;
  if (!idle(one) && !even_at_work) return false;
  (idle(one) ? one.leaving : one.yielding) = true;
  return true;
}

ModelStanding Dispatcher::standing(const std::string& name) const {
  const Model& one = model(name);
  return {.state = one.state,
          .is_idle = idle(one),
          .is_yielding = one.leaving || one.yielding || one.evicting,
          .pinned = one.rules.pinned,
          .priority = one.rules.priority,
          .last_used = one.last_used,
          .load_time = one.load_time};
}

}  // namespace plimsoll::host
