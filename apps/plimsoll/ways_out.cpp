#include "ways_out.hpp"

namespace plimsoll::app {

WaysOut::WaysOut(const std::vector<host::NeverFits>& never) {
  for (const host::NeverFits& one : never) by_model_[one.name] = one.alternatives;
}

std::vector<plan::Alternative> WaysOut::of(const std::string& model) const {
  const std::lock_guard lock(mutex_);
  const auto found = by_model_.find(model);
  return found == by_model_.end() ? std::vector<plan::Alternative>{} : found->second;
}

void WaysOut::replace(const host::ReloadReport& report) {
  const std::lock_guard lock(mutex_);
  for (const std::string& model : report.difference.removed) by_model_.erase(model);
  for (const host::ModelDifference& model : report.difference.changed) by_model_.erase(model.name);
  for (const host::ReloadReason& reason : report.reasons) {
    if (!reason.alternatives.empty()) by_model_[reason.model] = reason.alternatives;
  }
}

}  // namespace plimsoll::app
