// What is true of the queue and its models, for this process and for others.
#include <algorithm>
#include <utility>

#include "queue.hpp"
#include "resident.hpp"
#include "slots.hpp"

namespace plimsoll::host {

ModelState Queue::state(const std::string& model) const {
  const MutexLock lock(mutex_);
  return dispatcher_.state(model);
}

std::size_t Queue::waiting() const {
  const MutexLock lock(mutex_);
  return dispatcher_.waiting();
}

std::vector<ModelStatus> Queue::status(std::span<const std::string> models) const {
  std::vector<ModelStatus> out;
  const MutexLock lock(mutex_);
  std::vector<std::string> names(models.begin(), models.end());
  for (const std::string& name : dispatcher_.retired()) {
    if (!std::ranges::contains(models, name)) names.push_back(name);
  }
  for (const std::string& name : names) {
    if (!dispatcher_.knows(name)) continue;
    const plan::ModelPlan& plan = capacity_.plan_of(name);
    const auto found = residents_.find(name);
    const Resident* here = found == residents_.end() ? nullptr : found->second.get();
    const auto gone = tokens_before_.find(name);
    const Tokens before = gone == tokens_before_.end() ? Tokens{} : gone->second;
    out.push_back({.name = name,
                   .compute_group = plan.compute_group,
                   .state = dispatcher_.state(name),
                   .pinned = dispatcher_.is_pinned(name),
                   .time_to_live = dispatcher_.time_to_live(name),
                   .slots = slots_of(plan),
                   .leases = dispatcher_.leases(name),
                   .waiting = dispatcher_.waiting(name),
                   .planned = plan.entries,
                   .last_used = dispatcher_.last_used(name),
                   .tokens = before.computed + (here ? here->tokens_computed() : 0),
                   .generated = before.generated + (here ? here->tokens_generated() : 0),
                   .cells = cells_of(plan),
                   .cells_used = here ? here->cells_used() : 0,
                   .failure = dispatcher_.failure(name),
                   .seal = here ? here->seal_counts() : memory::SealCounts{},
                   .process = here ? here->process() : std::nullopt});
  }
  return out;
}

// --- other processes ---

bool Queue::is_held_up(TicketId ticket) const {
  const MutexLock lock(mutex_);
  return dispatcher_.is_held_up(ticket);
}

bool Queue::yield(const std::string& model, bool even_at_work, const std::string& whom_for) {
  const MutexLock lock(mutex_);
  if (!dispatcher_.knows(model) || !dispatcher_.yield(model, even_at_work)) return false;
  reasons_[model] = whom_for;
  pump();
  return true;
}

// Another process was quicker by some milliseconds: who goes for the model, of ours or of others, is decided once more.
bool Queue::may_try_again(const Failed& failed) {
  constexpr int kMostTries = 5;
  if (!failed.by_others || ++outrun_[failed.model] >= kMostTries) {
    outrun_.erase(failed.model);
    return false;
  }
  return true;
}

bool Queue::want_where_there_is_room(const std::string& model) {
  const MutexLock lock(mutex_);
  if (ending_.stop_requested() || !dispatcher_.knows(model) || dispatcher_.waiting() > 0) return false;
  if (const ModelState state = dispatcher_.state(model); state != ModelState::absent && state != ModelState::swapped)
    return false;
  if (std::ranges::contains(dispatcher_.retired(), model)) return false;
  observer_.look_at_devices(capacity_);
  if (!capacity_.admits(model, dispatcher_.resident(), {})) return false;
  (void)dispatcher_.ask(model, WhenBusy::wait, false, WhenShort::wait);
  pump();
  return true;
}

std::shared_ptr<const EvictionPolicy> Queue::policy() const {
  const MutexLock lock(mutex_);
  return policy_;
}

std::map<std::string, ModelStanding> Queue::standings() const {
  std::map<std::string, ModelStanding> out;
  const MutexLock lock(mutex_);
  std::map<std::string, std::size_t> members;  // resident ones, by compute group
  for (const std::string& name : dispatcher_.resident()) {
    for (const std::string& group : capacity_.groups_of(name)) ++members[group];
  }
  for (const std::string& name : dispatcher_.resident()) {
    ModelStanding standing = dispatcher_.standing(name);
    for (const std::string& group : capacity_.groups_of(name)) {
      if (members[group] == 1)
        standing.last_of.push_back(owner_of_group(group));
      else
        standing.is_last_of_all = false;
    }
    out.emplace(name, std::move(standing));
  }
  return out;
}

std::map<std::string, ProcessStatus> Queue::processes() const {
  std::map<std::string, ProcessStatus> out;
  const MutexLock lock(mutex_);
  for (const auto& [name, resident] : residents_) {
    if (const auto process = resident ? resident->process() : std::nullopt) out.emplace(name, *process);
  }
  return out;
}

}  // namespace plimsoll::host
