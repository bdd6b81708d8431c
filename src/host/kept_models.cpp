#include "kept_models.hpp"

#include <algorithm>
#include <utility>

namespace plimsoll::host {

KeptModels::Items::iterator KeptModels::find(const std::string& name) {
  return std::ranges::find(items_, name, &Item::name);
}

Bytes KeptModels::sum() const {
  Bytes sum;
  for (const Item& item : items_) sum += item.kept.size;
  return sum;
}

bool KeptModels::is_on() const {
  const MutexLock lock(mutex_);
  return budget_ > Bytes{};
}

void KeptModels::set_budget(Bytes budget) {
  Items leaving;  // freed without the lock
  const MutexLock lock(mutex_);
  budget_ = budget;
  while (!items_.empty() && sum() > budget_) leaving.splice(leaving.end(), items_, items_.begin());
}

bool KeptModels::make_room(Bytes wanted) {
  Items leaving;  // freed without the lock
  const MutexLock lock(mutex_);
  if (wanted > budget_) return false;
  while (!items_.empty() && sum() + wanted > budget_) leaving.splice(leaving.end(), items_, items_.begin());
  return true;
}

void KeptModels::keep(const std::string& name, Entry kept) {
  Items leaving;
  const MutexLock lock(mutex_);
  if (const auto known = find(name); known != items_.end()) leaving.splice(leaving.end(), items_, known);
  items_.push_back({.name = name, .kept = std::move(kept)});
}

std::shared_ptr<const tracker::KeptWeights> KeptModels::copy_of(const std::string& name) {
  const MutexLock lock(mutex_);
  const auto known = find(name);
  if (known == items_.end()) return nullptr;
  items_.splice(items_.end(), items_, known);
  return known->kept.copy;
}

std::shared_ptr<engine::Model> KeptModels::take_model(const std::string& name) {
  const MutexLock lock(mutex_);
  const auto known = find(name);
  if (known == items_.end() || known->kept.model == nullptr) return nullptr;
  std::shared_ptr<engine::Model> model = std::move(known->kept.model);
  items_.erase(known);
  return model;
}

Bytes KeptModels::size_of_model(const std::string& name) const {
  const MutexLock lock(mutex_);
  const auto known = std::ranges::find(items_, name, &Item::name);
  return known != items_.end() && known->kept.model != nullptr ? known->kept.size : Bytes{};
}

Bytes KeptModels::give_way(Bytes wanted, const std::string& but) {
  Bytes freed;
  Items leaving;
  const MutexLock lock(mutex_);
  for (auto item = items_.begin(); item != items_.end() && freed < wanted;) {
    const auto next = std::next(item);
    if (item->name != but) {
      freed += item->kept.size;
      leaving.splice(leaving.end(), items_, item);
    }
    item = next;
  }
  return freed;
}

void KeptModels::forget(const std::string& name) {
  Items leaving;
  const MutexLock lock(mutex_);
  if (const auto known = find(name); known != items_.end()) leaving.splice(leaving.end(), items_, known);
}

void KeptModels::clear() {
  Items leaving;
  const MutexLock lock(mutex_);
  leaving.swap(items_);
}

KeptBytes KeptModels::held() const {
  KeptBytes held;
  const MutexLock lock(mutex_);
  for (const Item& item : items_) (item.kept.model ? held.models : held.copies) += item.kept.size;
  return held;
}

}  // namespace plimsoll::host
