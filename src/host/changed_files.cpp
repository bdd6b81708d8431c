// A model whose file was changed or replaced since it was planned: what is mapped of it is not used again, and the next
// load is planned anew.
#include <algorithm>

#include <plimsoll/base/log.hpp>
#include <plimsoll/engine/file_identity.hpp>
#include <plimsoll/plan/planner.hpp>

#include "host_impl.hpp"

namespace plimsoll::host {
namespace {

std::string files_of(const dry_run::DryRunRequest& request) {
  std::string files = engine::file_identity(request.model.path);
  for (const engine::AdapterParams& adapter : request.adapters) files += engine::file_identity(adapter.path);
  for (const engine::AdapterParams& vector : request.control_vector.files) files += engine::file_identity(vector.path);
  if (request.projector.wanted()) files += engine::file_identity(request.projector.path);
  return files;
}

}  // namespace

void Host::Impl::note_files() {
  for (const plan::Request& request : requests_of(fleet)) planned_files[request.name] = files_of(request.dry_run);
  for (const FleetModel& model : fleet.models) tried_files[model.request.name] = files_of_all(model.request.name);
}

std::string Host::Impl::files_of_all(const std::string& model) const {
  const FleetModel& asked = declared(model);
  return files_of(asked.request.dry_run) + (asked.draft ? files_of(asked.draft->request.dry_run) : "");
}

bool Host::Impl::is_as_planned(const std::string& name) const {
  const std::vector<plan::Request> requests = requests_of(fleet);
  const auto known = planned_files.find(name);
  return known != planned_files.end() &&
         files_of(std::ranges::find(requests, name, &plan::Request::name)->dry_run) == known->second;
}

std::string Host::Impl::files_if_as_planned(const std::string& model) const {
  std::string files = files_of(declared(model).request.dry_run);
  const std::lock_guard lock(mutex);
  const auto planned = planned_files.find(model);
  const auto plan = std::ranges::find(model_plans(), model, &plan::ModelPlan::name);
  const bool same = planned != planned_files.end() && planned->second == files && !plan->unusable;
  return same ? files : "";
}

bool Host::Impl::plan_anew_where_changed(const std::string& model) {
  {
    std::string files = files_of_all(model);
    const std::lock_guard lock(mutex);
    tried_files[model] = std::move(files);
  }
  const FleetModel& asked = declared(model);
  bool anew = false;
  for (const plan::Request* request : {asked.draft ? &asked.draft->request : nullptr, &asked.request}) {
    if (request == nullptr) continue;
    if (const auto there = mapped.find(request->name);
        there != mapped.end() && (!there->second->is_intact() || there->second->is_replaced()))
      mapped.erase(there);
    if (is_as_planned(request->name)) continue;
    plan_anew(*request, files_of(request->dry_run));
    anew = true;
  }
  return anew;
}

void Host::Impl::plan_anew(const plan::Request& request, const std::string& files) {
  const std::string& name = request.name;
  kept.forget(name);
  log::info("host", "'{}' is planned anew: its file is not what was planned", name);
  const dry_run::RestAfterwards rest(dry_runs);
  plan::Plan anew = plan::Planner(dry_runs, store)
                        .plan({request}, {.budgets = fleet.budgets,
                                          .ours = accounting.committed(),
                                          .alternatives = false,
                                          .runtime = fleet.runtime});
  choose_group(anew.models.front());
  const std::lock_guard lock(mutex);
  *std::ranges::find(plans, name, &plan::ModelPlan::name) = anew.models.front();
  std::vector<plan::ModelPlan> models = room.models();
  *std::ranges::find(models, name, &plan::ModelPlan::name) = std::move(anew.models.front());
  room = Room(std::move(models), room.devices(), drafts_of(fleet));
  known_warm_ups.erase(name);
  refresh_runtimes();
  planned_files[name] = files;
  // What another model has computed of a conversation means nothing to this one.
  for (const auto& [id, conversation] : conversations) {
    if (conversation.model == name) swap_space.forget(id);
  }
}

// A compute group's compute buffers is as large as it was made. Where nobody computes in it, it is made again; else who
// needs more computes in memory of its own.
void Host::Impl::choose_group(plan::ModelPlan& plan) {
  const auto compute_group = compute_groups.find(plan.compute_group);
  if (plan.compute_group.empty() || compute_group == compute_groups.end()) return;
  if (compute_group->second->is_empty())
    compute_groups.erase(compute_group);
  else if (!compute_group->second->holds(plan::compute_buffers_of(plan.compute_group, {plan})))
    plan.compute_group.clear();
}

void Host::Impl::retry_where_mended(const std::string& model) {
  {
    const std::lock_guard lock(mutex);
    if (dispatcher.state(model) != ModelState::failed) return;
  }
  const std::string files = files_of_all(model);
  const std::lock_guard lock(mutex);
  if (files != tried_files[model]) dispatcher.retry(model);
}

void Host::Impl::give_back_changed(const std::string& model) {
  log::warn("host", "'{}': its file was changed while the model was in use; it is loaded again", model);
  {
    const std::lock_guard lock(mutex);
    dispatcher.outdated(model);
  }
  give_back(model, false);
}

}  // namespace plimsoll::host
