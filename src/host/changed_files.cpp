// A model whose file was changed or replaced since it was planned: what is mapped of it is not used again, and the next
// load is planned anew.
#include <algorithm>

#include <plimsoll/base/log.hpp>
#include <plimsoll/engine/file_identity.hpp>
#include <plimsoll/plan/planner.hpp>

#include "host_impl.hpp"

namespace plimsoll::host {
namespace {

std::string files_of(const gauge::SurveyRequest& request) {
  std::string files = engine::file_identity(request.model.path);
  for (const engine::AdapterParams& adapter : request.adapters) files += engine::file_identity(adapter.path);
  for (const engine::AdapterParams& vector : request.control_vector.files) files += engine::file_identity(vector.path);
  if (request.projector.wanted()) files += engine::file_identity(request.projector.path);
  return files;
}

}  // namespace

void Host::Impl::note_files() {
  for (const plan::Request& request : requests_of(fleet)) planned_files[request.name] = files_of(request.survey);
}

bool Host::Impl::is_as_planned(const std::string& name) const {
  const std::vector<plan::Request> requests = requests_of(fleet);
  const auto known = planned_files.find(name);
  return known != planned_files.end() &&
         files_of(std::ranges::find(requests, name, &plan::Request::name)->survey) == known->second;
}

void Host::Impl::plan_anew_where_changed(const std::string& name) {
  if (const auto there = mapped.find(name);
      there != mapped.end() && (!there->second->is_intact() || there->second->is_replaced()))
    mapped.erase(there);
  if (is_as_planned(name)) return;
  kept.forget(name);
  const std::vector<plan::Request> requests = requests_of(fleet);
  const plan::Request& request = *std::ranges::find(requests, name, &plan::Request::name);
  const std::string files = files_of(request.survey);
  log::warn("host", "'{}': its file has changed since it was planned; it is planned anew", name);
  plan::Plan anew = plan::Planner(surveys, store)
                        .plan({request}, {.lines = fleet.lines, .ours = books.committed(), .alternatives = false, .runtime = fleet.runtime});
  surveys.rest();
  const std::lock_guard lock(mutex);
  std::vector<plan::ModelPlan> models = room.models();
  *std::ranges::find(models, name, &plan::ModelPlan::name) = std::move(anew.models.front());
  room = Room(std::move(models), room.devices(), drafts_of(fleet));
  warmth.erase(name);
  refresh_runtimes();
  planned_files[name] = files;
  // What another model has computed of a conversation means nothing to this one.
  for (const auto& [id, conversation] : conversations) {
    if (conversation.model == name) parked.forget(id);
  }
}

void Host::Impl::give_back_changed(const std::string& model) {
  log::warn("host", "'{}': its file was changed while the model was in use; it is loaded again", model);
  {
    const std::lock_guard lock(mutex);
    dispatcher.failed(model);
  }
  give_back(model, false);
}

}  // namespace plimsoll::host
