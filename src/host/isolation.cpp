#include "host/isolation.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "host/fleet.hpp"
#include "memory/group_owner.hpp"
#include "plan/process_entry.hpp"

namespace plimsoll::host {
namespace {

template <class T>
void fill(std::optional<T>& value, const std::optional<T>& otherwise) {
  if (!value) value = otherwise;
}

}  // namespace

void settle_isolation(Fleet& fleet) {
  for (FleetModel& model : fleet.models) {
    Isolation& own = model.isolation;
    fill(own.own_process, fleet.isolation.own_process);
    fill(own.most_deaths, fleet.isolation.most_deaths);
    fill(own.most_decode_time, fleet.isolation.most_decode_time);
    fill(own.most_host_memory, fleet.isolation.most_host_memory);
    if (!own.is_wanted() || model.request.compute_group != kDefaultGroup) continue;
    model.request.compute_group = kIsolatedGroup;
    if (model.draft) model.draft->request.compute_group = kIsolatedGroup;
  }
}

std::set<std::string> isolated_owners(const Fleet& fleet) {
  std::set<std::string> out;
  for (const FleetModel& model : fleet.models) {
    if (!model.isolation.is_wanted()) continue;
    out.insert(model.request.name);
    if (model.draft) out.insert(model.draft->request.name);
    if (!model.request.compute_group.empty()) out.insert(memory::owner_of_group(model.request.compute_group));
  }
  return out;
}

std::vector<std::string> explain_processes(const Fleet& fleet) {
  std::map<std::string, std::vector<std::string>> processes;
  for (const FleetModel& model : fleet.models) {
    if (!model.isolation.is_wanted()) continue;
    const std::string& group = model.request.compute_group;
    processes[group.empty() ? "model:" + model.request.name : group].push_back(model.request.name);
  }
  std::vector<std::string> out;
  for (const auto& [name, models] : processes)
    out.push_back(fmt::format(
        "{} compute{} in a process of {} own ('{}'): host memory for it is counted once, and on "
        "accelerators the runtime stage has a device context of that process",
        fmt::join(models, ", "), models.size() == 1 ? "s" : "", models.size() == 1 ? "its" : "their", name));
  return out;
}

void add_processes(const Fleet& fleet, std::vector<plan::ModelPlan>& plans) {
  const auto add_to = [&](const std::string& name) {
    const auto found = std::ranges::find(plans, name, &plan::ModelPlan::name);
    if (found != plans.end()) plan::add_process(*found);
  };
  for (const FleetModel& model : fleet.models) {
    if (!model.isolation.is_wanted()) continue;
    add_to(model.request.name);
    if (model.draft && !model.request.compute_group.empty()) add_to(model.draft->request.name);
  }
}

}  // namespace plimsoll::host
