#include "host/cluster_planner.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>

namespace plimsoll::host {
namespace {

constexpr const char* kNoDevice = "none";

// As it would be loaded on a device of that kind, its draft with it.
std::vector<plan::Request> requests_for(const FleetModel& model, const DeviceKind& kind) {
  std::vector<plan::Request> requests{model.request};
  if (model.draft) requests.push_back(model.draft->request);
  for (plan::Request& request : requests) request.dry_run.model.devices = {kind.plan_on};
  return requests;
}

plan::PlannerOptions options_for(const DeviceKind& kind, bool alternatives) {
  plan::PlannerOptions options{.budgets = {}, .ours = {}, .alternatives = alternatives};
  if (kind.runtime && kind.plan_on != kNoDevice)
    options.runtime.push_back({.device = device::DeviceId{kind.plan_on}, .bytes = *kind.runtime});
  return options;
}

place::Need need_of(const plan::Plan& plan, const DeviceKind& kind) {
  place::Need need{.kind = kind.plan_on == kNoDevice ? "" : kind.name,
                   .host = plan::required_on(device::host(), plan.models)};
  if (kind.plan_on != kNoDevice) need.device = plan::required_on(device::DeviceId{kind.plan_on}, plan.models);
  return need;
}

std::vector<DeviceKind> kinds_of(const ClusterFile& file, const ClusterModel& model) {
  if (model.kinds.empty()) return file.kinds;
  std::vector<DeviceKind> out;
  for (const std::string& name : model.kinds) {
    const auto kind = std::ranges::find(file.kinds, name, &DeviceKind::name);
    out.push_back(kind == file.kinds.end() ? DeviceKind{.name = kHostKind, .plan_on = kNoDevice} : *kind);
  }
  return out;
}

void require_devices(const ClusterFile& file, plan::Planner& planner) {
  std::vector<std::string> names;
  for (const dry_run::DeviceView& view : planner.devices()) names.push_back(view.info.id.name());
  for (const DeviceKind& kind : file.kinds) {
    if (!std::ranges::contains(names, kind.plan_on))
      throw Error(ErrorCode::usage,
                  fmt::format("kind '{}' is to be planned on '{}', which this machine does not have; it has {}",
                              kind.name, kind.plan_on, fmt::join(names, ", ")));
  }
}

// What the widest place of that kind has, as the ways out say.
std::optional<memory::BudgetRequest> widest(const place::Missing& missing, const place::Need& need,
                                            const DeviceKind& kind) {
  for (const place::WayOut& way : missing.ways_out) {
    if (way.kind != place::WayOut::Kind::smaller || way.device.empty() != need.kind.empty()) continue;
    const Bytes weight = need.kind.empty() ? need.host : need.device;
    return memory::BudgetRequest{.device = need.kind.empty() ? device::host() : device::DeviceId{kind.plan_on},
                                 .amount = saturating_sub(weight, way.bytes)};
  }
  return std::nullopt;
}

}  // namespace

std::vector<std::pair<std::string, Error>> plan_needs(ClusterFile& file, plan::Planner& planner) {
  require_devices(file, planner);
  std::vector<std::pair<std::string, Error>> unusable;
  for (std::size_t m = 0; m < file.models.size(); ++m) {
    place::Model& wish = file.cluster.models[m];
    for (const DeviceKind& kind : kinds_of(file, file.models[m])) {
      try {
        wish.needs.push_back(
            need_of(planner.plan(requests_for(file.models[m].model, kind), options_for(kind, false)), kind));
      } catch (const Error& error) {
        if (error.code() != ErrorCode::model_unusable && error.code() != ErrorCode::unsupported) throw;
        unusable.emplace_back(wish.name, error);
        break;
      }
    }
  }
  return unusable;
}

void add_other_needs(ClusterFile& file, const place::Placement& placement, plan::Planner& planner) {
  for (std::size_t m = 0; m < file.models.size(); ++m) {
    place::Model& wish = file.cluster.models[m];
    const auto missing = std::ranges::find(placement.missing, wish.name, &place::Missing::model);
    if (missing == placement.missing.end()) continue;
    const std::vector<DeviceKind> kinds = kinds_of(file, file.models[m]);
    for (std::size_t k = 0; k < std::min(kinds.size(), wish.needs.size()); ++k) {
      const auto budget = widest(*missing, wish.needs[k], kinds[k]);
      if (!budget) continue;
      plan::PlannerOptions options = options_for(kinds[k], true);
      options.budgets = {*budget};
      const auto requests = requests_for(file.models[m].model, kinds[k]);
      for (const plan::Alternative& alternative : planner.plan(requests, options).alternatives) {
        plan::Plan other;
        for (std::size_t r = 0; r < requests.size(); ++r) {
          plan::Request changed = requests[r];
          changed.dry_run = alternative.requests[r];
          other.models.push_back(planner.plan({changed}, options_for(kinds[k], false)).models.front());
        }
        place::Need need = need_of(other, kinds[k]);
        if (!need.kind.empty() && need.device == Bytes{})
          continue;  // it is off the device: "host" is a kind of its own
        wish.others.push_back({.flags = fmt::format("{}", fmt::join(alternative.flags, " ")), .need = std::move(need)});
      }
    }
  }
}

}  // namespace plimsoll::host
