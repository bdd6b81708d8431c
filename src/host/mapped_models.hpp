// MappedModels: models whose weights are all page cache. They count against no budget, and what they have on the heap
// stands under "backends" like all that is left behind, so they stay mapped when they go: to load one again is then to
// make its context.
#pragma once
#include <map>
#include <memory>
#include <string>

#include "base/mutex.hpp"
#include "engine/model.hpp"

namespace plimsoll::host {

// Any thread; one lock, not held while a model is freed.
class MappedModels {
 public:
  void keep(const std::string& name, std::shared_ptr<engine::Model> model);
  // Null: there is none.
  [[nodiscard]] std::shared_ptr<engine::Model> find(const std::string& name) const;
  void forget(const std::string& name);
  void clear();

 private:
  mutable Mutex mutex_;
  std::map<std::string, std::shared_ptr<engine::Model>> models_ PLIMSOLL_GUARDED_BY(mutex_);
};

}  // namespace plimsoll::host
