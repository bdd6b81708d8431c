#include "model_files.hpp"

#include <utility>

#include "engine/file_identity.hpp"

namespace plimsoll::host {

ModelFiles::ModelFiles(const Fleet& fleet) : drafts_(drafts_of(fleet)) {
  for (const plan::Request& request : requests_of(fleet)) {
    requests_[request.name] = request.dry_run;
    set_planned(request.name, identity_of(request.name));
  }
  for (const FleetModel& model : fleet.models) note_tried(model.request.name);
}

std::string ModelFiles::identity_of(const std::string& name) const {
  const dry_run::DryRunRequest& request = requests_.at(name);
  std::string files = engine::file_identity(request.model.path);
  for (const engine::AdapterParams& adapter : request.adapters) files += engine::file_identity(adapter.path);
  for (const engine::AdapterParams& vector : request.control_vector.files) files += engine::file_identity(vector.path);
  if (request.projector.wanted()) files += engine::file_identity(request.projector.path);
  return files;
}

std::string ModelFiles::identity_of_all(const std::string& model) const {
  const auto draft = drafts_.find(model);
  return identity_of(model) + (draft == drafts_.end() ? std::string{} : identity_of(draft->second));
}

std::optional<std::string> ModelFiles::identity_if_planned(const std::string& name) const {
  std::string now = identity_of(name);
  const MutexLock lock(mutex_);
  const auto known = planned_.find(name);
  if (known == planned_.end() || known->second != now) return std::nullopt;
  return now;
}

void ModelFiles::set_planned(const std::string& name, std::string identity) {
  const MutexLock lock(mutex_);
  planned_[name] = std::move(identity);
}

void ModelFiles::forget_planned(const std::string& name) {
  const MutexLock lock(mutex_);
  planned_.erase(name);
}

void ModelFiles::note_tried(const std::string& model) {
  std::string now = identity_of_all(model);
  const MutexLock lock(mutex_);
  tried_[model] = std::move(now);
}

bool ModelFiles::have_changed_since_tried(const std::string& model) const {
  const std::string now = identity_of_all(model);
  const MutexLock lock(mutex_);
  return tried_.at(model) != now;
}

}  // namespace plimsoll::host
