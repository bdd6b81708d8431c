#include "mapped_models.hpp"

#include <utility>

namespace plimsoll::host {

void MappedModels::keep(const std::string& name, std::shared_ptr<engine::Model> model) {
  const MutexLock lock(mutex_);
  std::swap(models_[name], model);  // the one before is freed after the lock
}

std::shared_ptr<engine::Model> MappedModels::find(const std::string& name) const {
  const MutexLock lock(mutex_);
  const auto there = models_.find(name);
  return there == models_.end() ? nullptr : there->second;
}

void MappedModels::forget(const std::string& name) {
  std::shared_ptr<engine::Model> gone;
  const MutexLock lock(mutex_);
  const auto there = models_.find(name);
  if (there == models_.end()) return;
  gone = std::move(there->second);
  models_.erase(there);
}

void MappedModels::clear() {
  std::map<std::string, std::shared_ptr<engine::Model>> gone;
  const MutexLock lock(mutex_);
  gone.swap(models_);
}

}  // namespace plimsoll::host
