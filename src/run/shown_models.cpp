#include "run/shown_models.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/log.hpp"
#include "broker/machine_ledger.hpp"
#include "run/machine_memory.hpp"

namespace plimsoll::run {
namespace {

broker::ShownPart& part_of(broker::ShownModel& model, broker::AccountId account) {
  const auto known = std::ranges::find(model.parts, account, &broker::ShownPart::account);
  if (known != model.parts.end()) return *known;
  return model.parts.emplace_back(broker::ShownPart{.account = account});
}

}  // namespace

void ShownModels::set(const std::string& owner, Facts facts) {
  const MutexLock lock(mutex_);
  facts_[owner] = std::move(facts);
}

void ShownModels::forget(const std::string& owner) {
  const MutexLock lock(mutex_);
  facts_.erase(owner);
}

void ShownModels::publish() noexcept {
  try {
    if (machine_.is_on()) machine_.show(shown());
  } catch (const std::exception& error) {
    log::warn("broker", "what this process holds could not be shown: {}", error.what());
  }
}

namespace {

// What a backend took for a model it mostly keeps when that goes, unless its process ends; all else comes back.
bool comes_back(const memory::Entry& entry, bool ends_its_process) {
  return entry.tag.stage != memory::Stage::runtime || ends_its_process;
}

}  // namespace

std::vector<broker::ShownModel> ShownModels::shown() {
  std::vector<broker::ShownModel> models;
  const std::vector<memory::Entry> entries = ledger_.entries();
  const MutexLock lock(mutex_);
  for (const memory::Entry& entry : entries) {
    const Bytes held = std::max(entry.planned, entry.taken.current);
    if (!entry.charged || held == Bytes{}) continue;
    const auto account = memory_.account_of(entry.tag.device);
    if (!account) continue;
    auto facts = facts_.find(entry.tag.owner);
    std::string owner = entry.tag.owner;
    if (facts != facts_.end() && !facts->second.comes_with.empty()) {
      owner = facts->second.comes_with;
      facts = facts_.find(owner);
    }
    auto shown = std::ranges::find(models, owner, &broker::ShownModel::name);
    if (shown == models.end()) {
      const Facts of_owner = facts == facts_.end() ? Facts{} : facts->second;
      models.push_back({.name = owner,
                        .work = of_owner.work,
                        .can_go = of_owner.can_go,
                        .priority = of_owner.priority,
                        .idle_since = of_owner.idle_since,
                        .reload_time = of_owner.reload_time,
                        .process = of_owner.process,
                        .restarts = of_owner.restarts});
      shown = models.end() - 1;
    }
    broker::ShownPart& part = part_of(*shown, *account);
    part.reserved += held;
    part.taken += entry.taken.current;
    if (comes_back(entry, facts != facts_.end() && facts->second.ends_its_process)) part.comes_back += held;
  }
  for (const memory::Entry& entry : entries) {
    const auto facts = facts_.find(entry.tag.owner);
    const Bytes held = std::max(entry.planned, entry.taken.current);
    if (facts == facts_.end() || !entry.charged || held == Bytes{}) continue;
    const auto account = memory_.account_of(entry.tag.device);
    const auto with = facts_.find(facts->second.returns_with);
    const auto shown = std::ranges::find(models, facts->second.returns_with, &broker::ShownModel::name);
    if (account && with != facts_.end() && shown != models.end() && comes_back(entry, with->second.ends_its_process))
      part_of(*shown, *account).comes_back += held;
  }
  // Where an entry of the ledger has too few places: models first, of them the largest.
  std::ranges::stable_sort(models, std::greater<>{}, [](const broker::ShownModel& model) {
    Bytes sum;
    for (const broker::ShownPart& part : model.parts) sum += part.reserved;
    return std::pair(model.work != broker::Work::none, sum);
  });
  return models;
}

}  // namespace plimsoll::run
