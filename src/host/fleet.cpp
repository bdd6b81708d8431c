#include "host/fleet.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "memory/group_owner.hpp"

namespace plimsoll::host {

namespace {

// Names of one model beside its own: each must be somebody's alone, or a request would not say whom it means.
void look_at_other_names(const FleetModel& model, std::set<std::string>& names, std::vector<std::string>& out) {
  std::vector<std::string> others = model.aliases;
  for (const Preset& preset : model.presets) {
    others.push_back(preset.name);
    others.append_range(preset.aliases);
  }
  for (const std::string& other : others) {
    if (other.empty()) out.push_back(fmt::format("an alias or a preset of '{}' has no name", model.request.name));
    if (other == model.request.name) continue;  // says nothing new
    if (!names.insert(other).second) out.push_back(fmt::format("two models are called '{}'", other));
  }
}

void look_at_adapters(const FleetModel& model, std::vector<std::string>& out) {
  for (const Preset& preset : model.presets) {
    for (const engine::AdapterParams& adapter : preset.adapters.value_or(std::vector<engine::AdapterParams>{})) {
      if (!std::ranges::contains(model.request.dry_run.adapters, adapter.path, &engine::AdapterParams::path))
        out.push_back(fmt::format("'{}' has an adapter '{}' that is none of '{}'", preset.name, adapter.path,
                                  model.request.name));
    }
  }
}

// One process computes for a compute group.
void look_at_isolation(const Fleet& fleet, std::vector<std::string>& out) {
  std::map<std::string, const FleetModel*> first;
  for (const FleetModel& model : fleet.models) {
    const std::string& name = model.request.name;
    const std::string& group = model.request.compute_group;
    const FleetModel* const other = group.empty() ? &model : first.try_emplace(group, &model).first->second;
    if (other->isolation.is_wanted() != model.isolation.is_wanted())
      out.push_back(
          fmt::format("'{}' and '{}' are of the compute group '{}', and one of them alone has isolation = "
                      "\"process\"; a process computes for a whole group",
                      other->request.name, name, group));
    else if (model.isolation.is_wanted() && other->isolation != model.isolation)
      out.push_back(
          fmt::format("'{}' and '{}' are of the compute group '{}', and its process has other limits for "
                      "each of them",
                      other->request.name, name, group));
  }
}

// A server serves one process at a time, and a process computes for a compute group.
void look_at_remote_groups(const Fleet& fleet, std::vector<std::string>& out) {
  const FleetModel* first = nullptr;
  for (const FleetModel& model : fleet.models) {
    if (!model.isolation.is_remote) continue;
    const std::string& group = model.request.compute_group;
    if (first != nullptr && (group.empty() || group != first->request.compute_group))
      out.push_back(fmt::format(
          "'{}' and '{}' may both compute on devices of RPC servers, which serve one process at a time, and "
          "their compute groups have a process each; give both one group, or name devices of this machine",
          first->request.name, model.request.name));
    if (first == nullptr) first = &model;
  }
}

}  // namespace

std::vector<std::string> contradictions(const Fleet& fleet) {
  std::vector<std::string> out;
  if (fleet.models.empty()) out.emplace_back("there is no model in this fleet");
  std::set<std::string> names;
  for (const FleetModel& model : fleet.models) {
    const std::string& name = model.request.name;
    if (name.empty()) out.emplace_back("a model has no name");
    if (name.starts_with(memory::owner_of_group("")))
      out.push_back(fmt::format("the name '{}' begins with 'group:'; those are names of our own", name));
    if (!names.insert(name).second) out.push_back(fmt::format("two models are called '{}'", name));
    if (model.request.dry_run.model.path.empty()) out.push_back(fmt::format("'{}' has no file", name));
    if (model.draft) {
      const std::string& draft = model.draft->request.name;
      if (!names.insert(draft).second) out.push_back(fmt::format("two models are called '{}'", draft));
      if (model.draft->request.dry_run.model.path.empty()) out.push_back(fmt::format("'{}' has no file", draft));
      if (model.request.dry_run.context.embeddings)
        out.push_back(fmt::format("'{}' is a model for embeddings; a draft proposes nothing to it", name));
    }
    if (model.request.dry_run.context.embeddings && !model.presets.empty())
      out.push_back(fmt::format("'{}' is a model for embeddings; presets are for text", name));
    look_at_adapters(model, out);
    if (const auto twice = plan::contradiction(model.request.runtime))
      out.push_back(fmt::format("'{}': {}", name, *twice));
    if (model.time_to_live && model.pinned)
      out.push_back(fmt::format("'{}' is pinned, so it cannot have a time to live", name));
  }
  for (const FleetModel& model : fleet.models) look_at_other_names(model, names, out);
  const auto pinned = static_cast<std::size_t>(std::ranges::count(fleet.models, true, &FleetModel::pinned));
  if (fleet.most_models > 0 && pinned > fleet.most_models)
    out.push_back(
        fmt::format("{} models are pinned, and no more than {} may be loaded at once", pinned, fleet.most_models));
  look_at_isolation(fleet, out);
  look_at_remote_groups(fleet, out);
  if (std::string why = memory::contradiction(fleet.thresholds); !why.empty()) out.push_back(std::move(why));
  if (!eviction_policy(fleet.eviction)) out.push_back(unknown_eviction_policy(fleet.eviction));
  return out;
}

std::vector<plan::Request> requests_of(const Fleet& fleet) {
  std::vector<plan::Request> out;
  for (const FleetModel& model : fleet.models) out.push_back(model.request);
  for (const FleetModel& model : fleet.models) {
    if (model.draft) out.push_back(model.draft->request);
  }
  return out;
}

const FleetModel& model_of(const Fleet& fleet, const std::string& name) {
  const auto found = std::ranges::find(fleet.models, name, [](const FleetModel& one) { return one.request.name; });
  if (found == fleet.models.end()) throw Error(ErrorCode::usage, fmt::format("this fleet has no model '{}'", name));
  return *found;
}

std::map<std::string, std::string> drafts_of(const Fleet& fleet) {
  std::map<std::string, std::string> out;
  for (const FleetModel& model : fleet.models) {
    if (model.draft) out[model.request.name] = model.draft->request.name;
  }
  return out;
}

}  // namespace plimsoll::host
