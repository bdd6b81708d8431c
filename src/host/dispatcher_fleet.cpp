// Models that come, change and go while the host works: see Host::reload().
#include <fmt/format.h>

#include <algorithm>

#include "host/dispatcher.hpp"

namespace plimsoll::host {

void Dispatcher::add(const ModelRules& rules) {
  Model& one = models_[rules.name];
  one.rules = rules;
  one.retired = false;
}

void Dispatcher::set_rules(const ModelRules& rules) { model(rules.name).rules = rules; }

const ModelRules& Dispatcher::rules(const std::string& name) const { return model(name).rules; }

void Dispatcher::renew(const ModelRules& rules) {
  Model& one = model(rules.name);
  one.rules = rules;
  one.retired = false;
  one.failures = 0;
  one.losses = 0;
  one.failure.reset();
  one.was_loaded = false;
  if (one.state == ModelState::failed || one.state == ModelState::swapped) move(one, ModelState::absent);
}

void Dispatcher::retire(const std::string& name) {
  Model& one = model(name);
  one.retired = true;
  one.keeps_loading = false;
  std::erase_if(draining_for_, [&](const auto& pair) { return pair.second == name; });
  const std::deque<Ticket> all = tickets_;
  for (const Ticket& ticket : all) {
    if (ticket.model == name)
      refuse(ticket, ErrorCode::usage, fmt::format("this fleet has no model '{}' any more", name));
  }
}

void Dispatcher::forget(const std::string& name) {
  const Model& one = model(name);
  if (is_resident(one.state) || one.leases > 0)
    throw Error(ErrorCode::internal, fmt::format("'{}' is still {}", name, to_string(one.state)));
  draining_for_.erase(name);
  models_.erase(name);
}

bool Dispatcher::knows(const std::string& name) const { return models_.contains(name); }

std::vector<std::string> Dispatcher::retired() const {
  std::vector<std::string> out;
  for (const auto& [name, one] : models_) {
    if (one.retired) out.push_back(name);
  }
  return out;
}

// The least missed go first, pinned ones last: a budget is a promise to others. Nobody is asked whether it is free now,
// since whoever is here has its memory. Those that go in any case are not counted.
void Dispatcher::shrink(const FreeCapacity& capacity, const EvictionPolicy& policy, Time now) {
  std::vector<std::string> stay = resident();
  std::erase_if(stay, [&](const std::string& name) { return model(name).broken; });
  const auto fit = [&] {
    return capacity.are_few_enough(stay.size()) && plan::all_fit(capacity.judge_by_budgets(stay));
  };
  std::vector<std::pair<double, std::string>> may_go;  // each is asked for once: a policy need not answer twice alike
  for (const Candidate& one : candidates(false, now)) {
    if (std::ranges::contains(stay, one.name)) may_go.emplace_back(regret_of(one, policy, now), one.name);
  }
  std::ranges::stable_sort(may_go, {}, &std::pair<double, std::string>::first);
  for (const std::string& name : stay) {
    if (stays(model(name))) may_go.emplace_back(0, name);
  }
  for (const auto& [regret, name] : may_go) {
    if (stay.empty() || fit()) return;
    std::erase(stay, name);
    outdated(name);
  }
}

}  // namespace plimsoll::host
