#include "model_files.hpp"

#include <algorithm>
#include <utility>

#include "dry_run/request_files.hpp"

namespace plimsoll::host {

std::string identity_of(const dry_run::DryRunRequest& request) {
  return identity_of(request, dry_run::files_of(request));
}

std::string identity_of(const dry_run::DryRunRequest& request, std::string files) {
  for (const engine::MetadataOverride& entry : request.model.metadata_overrides) files += to_string(entry);
  return files;
}

ModelFiles::ModelFiles(const Fleet& fleet) {
  set_drafts(drafts_of(fleet));
  for (const plan::Request& request : requests_of(fleet)) declare(request, identity_of(request.dry_run));
  for (const FleetModel& model : fleet.models) note_tried(model.request.name);
}

void ModelFiles::were_planned(const std::vector<plan::ModelPlan>& plans) {
  const MutexLock lock(mutex_);
  const auto identity = [&](const std::string& name) -> std::optional<std::string> {
    const auto plan = std::ranges::find(plans, name, &plan::ModelPlan::name);
    if (plan == plans.end() || !plan->files) return std::nullopt;
    return identity_of(plan->request, *plan->files);
  };
  for (const plan::ModelPlan& plan : plans) {
    if (plan.unusable)
      planned_.erase(plan.name);
    else if (auto files = identity(plan.name))
      planned_[plan.name] = std::move(*files);
  }
  for (auto& [model, tried] : tried_) {
    auto own = identity(model);
    const auto draft = drafts_.find(model);
    const auto of_draft = draft == drafts_.end() ? std::optional<std::string>("") : identity(draft->second);
    if (own && of_draft) tried = *own + *of_draft;
  }
}

void ModelFiles::declare(const plan::Request& request, std::optional<std::string> planned) {
  const MutexLock lock(mutex_);
  requests_[request.name] = request.dry_run;
  if (planned)
    planned_[request.name] = std::move(*planned);
  else
    planned_.erase(request.name);
}

void ModelFiles::set_drafts(std::map<std::string, std::string> drafts) {
  const MutexLock lock(mutex_);
  drafts_ = std::move(drafts);
}

void ModelFiles::forget(const std::string& name) {
  const MutexLock lock(mutex_);
  requests_.erase(name);
  planned_.erase(name);
  tried_.erase(name);
}

std::string ModelFiles::identity_now(const std::string& name) const {
  dry_run::DryRunRequest request;
  {
    const MutexLock lock(mutex_);
    const auto found = requests_.find(name);
    if (found == requests_.end()) return {};
    request = found->second;
  }
  return identity_of(request);
}

std::string ModelFiles::identity_of_all(const std::string& model) const {
  std::string draft;
  {
    const MutexLock lock(mutex_);
    if (const auto found = drafts_.find(model); found != drafts_.end()) draft = found->second;
  }
  return identity_now(model) + (draft.empty() ? std::string{} : identity_now(draft));
}

std::optional<std::string> ModelFiles::identity_if_planned(const std::string& name) const {
  std::string now = identity_now(name);
  const MutexLock lock(mutex_);
  const auto known = planned_.find(name);
  if (known == planned_.end() || known->second != now) return std::nullopt;
  return now;
}

void ModelFiles::set_planned(const std::string& name, std::string identity) {
  const MutexLock lock(mutex_);
  planned_[name] = std::move(identity);
}

void ModelFiles::note_tried(const std::string& model) {
  std::string now = identity_of_all(model);
  const MutexLock lock(mutex_);
  tried_[model] = std::move(now);
}

bool ModelFiles::have_changed_since_tried(const std::string& model) const {
  const std::string now = identity_of_all(model);
  const MutexLock lock(mutex_);
  const auto before = tried_.find(model);
  return before == tried_.end() || before->second != now;
}

}  // namespace plimsoll::host
