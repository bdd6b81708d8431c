#include "host/isolation.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <ranges>

#include "device/rpc_servers.hpp"
#include "host/fleet.hpp"
#include "memory/group_owner.hpp"
#include "plan/process_entry.hpp"

namespace plimsoll::host {
namespace {

template <class T>
void fill(std::optional<T>& value, const std::optional<T>& otherwise) {
  if (!value) value = otherwise;
}

// Whoever names no devices leaves the choice among all of them to the planner.
bool may_be_remote(const plan::Request& request) {
  const std::vector<std::string>& devices = request.dry_run.model.devices;
  return devices.empty() ||
         std::ranges::any_of(devices, [](const std::string& name) { return name.starts_with(device::kRpcBackend); });
}

bool may_be_remote(const FleetModel& model) {
  return may_be_remote(model.request) || (model.draft && may_be_remote(model.draft->request));
}

// One process computes for a group.
void share_remoteness(Fleet& fleet) {
  std::set<std::string> groups;
  for (const FleetModel& model : fleet.models) {
    if (model.isolation.is_remote) groups.insert(model.request.compute_group);
  }
  groups.erase("");
  for (FleetModel& model : fleet.models) {
    if (model.isolation.is_wanted() && groups.contains(model.request.compute_group)) model.isolation.is_remote = true;
  }
}

}  // namespace

void settle_isolation(Fleet& fleet) {
  for (FleetModel& model : fleet.models) {
    Isolation& own = model.isolation;
    fill(own.own_process, fleet.isolation.own_process);
    fill(own.most_deaths, fleet.isolation.most_deaths);
    fill(own.most_decode_time, fleet.isolation.most_decode_time);
    fill(own.most_host_memory, fleet.isolation.most_host_memory);
    own.is_remote = !fleet.rpc.empty() && may_be_remote(model);
    if (own.is_remote) own.own_process = true;
    if (!own.is_wanted() || model.request.compute_group != kDefaultGroup) continue;
    model.request.compute_group = kIsolatedGroup;
    if (model.draft) model.draft->request.compute_group = kIsolatedGroup;
  }
  share_remoteness(fleet);
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
  std::vector<std::string> remote;
  for (const FleetModel& model : fleet.models) {
    if (model.isolation.is_remote) remote.push_back(model.request.name);
  }
  if (!remote.empty())
    out.push_back(fmt::format(
        "{} may compute on devices of {}: the engine ends the process that does when such a server goes, and a server "
        "serves one process at a time, so one process of its own is for all of them",
        fmt::join(remote, ", "), fmt::join(std::views::transform(fleet.rpc, &device::RpcAddress::shown), ", ")));
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
