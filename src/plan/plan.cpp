#include "plan/plan.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "plan/process_entry.hpp"

namespace plimsoll::plan {

using memory::Stage;

std::string_view to_string(Source source) noexcept {
  switch (source) {
    case Source::exact:
      return "exact";
    case Source::measured:
      return "measured";
    case Source::calibrated:
      return "calibrated";
    case Source::estimated:
      return "estimated";
    case Source::given:
      return "given";
  }
  return "estimated";
}

std::string_view to_string(Limit limit) noexcept {
  switch (limit) {
    case Limit::budget:
      return "budget";
    case Limit::free:
      return "free";
    case Limit::host:
      return "host";
    case Limit::shared:
      return "shared budget";
  }
  return "budget";
}

bool all_fit(const std::vector<DeviceVerdict>& verdicts) noexcept {
  return std::ranges::all_of(verdicts, &DeviceVerdict::fits);
}

std::vector<device::DeviceInfo> infos_of(const std::vector<DeviceVerdict>& verdicts) {
  std::vector<device::DeviceInfo> out;
  for (const DeviceVerdict& verdict : verdicts) out.push_back(verdict.state.info);
  return out;
}

bool Plan::fits() const noexcept { return all_fit(devices); }

bool Plan::stands_on_estimates() const noexcept {
  return !fits() && std::ranges::all_of(devices, [](const DeviceVerdict& device) {
    return device.fits() || device.stands_on_estimate();
  });
}

std::vector<device::DeviceId> computing_devices(const dry_run::DryRun& dry_run) {
  std::vector<device::DeviceId> devices;
  for (const dry_run::BufferEntry& entry : dry_run.entries) {
    if (!entry.charged || entry.device.is_host() || std::ranges::contains(devices, entry.device)) continue;
    devices.push_back(entry.device);
  }
  if (devices.empty()) devices.push_back(device::host());
  return devices;
}

bool is_backends_runtime(const Entry& entry) noexcept {
  return entry.stage == Stage::runtime && entry.buffer == entry.device.name();
}

ModelPlan lay_out(const Request& request, const dry_run::DryRun& dry_run,
                  const std::vector<std::pair<device::DeviceId, RuntimeFigure>>& runtime) {
  ModelPlan model{.name = request.name,
                  .request = request.dry_run,
                  .dry_run = dry_run,
                  .entries = {},
                  .compute_group = request.compute_group,
                  .weights_of = request.weights_of};
  for (const dry_run::BufferEntry& entry : dry_run.entries) {
    if (!request.weights_of.empty() && entry.stage == Stage::weights) continue;
    model.entries.push_back({.device = entry.device,
                             .buffer = entry.buffer,
                             .stage = entry.stage,
                             .bytes = entry.bytes,
                             .source = Source::exact,
                             .charged = entry.charged});
  }
  for (const auto& [device, figure] : runtime) {
    if (figure.bytes == Bytes{}) continue;
    model.entries.push_back({.device = device,
                             .buffer = device.name(),
                             .stage = Stage::runtime,
                             .bytes = figure.bytes,
                             .source = figure.source,
                             .charged = true});
  }
  return model;
}

std::map<std::pair<device::DeviceId, std::string>, Bytes> compute_buffers_of(const std::string& compute_group,
                                                                             const std::vector<ModelPlan>& models) {
  std::map<std::pair<device::DeviceId, std::string>, Bytes> largest;
  for (const ModelPlan& model : models) {
    if (model.compute_group != compute_group) continue;
    std::map<std::pair<device::DeviceId, std::string>, Bytes> own;
    for (const Entry& entry : model.entries) {
      if (entry.charged && is_of_compute_group(entry)) own[{entry.device, entry.buffer}] += entry.bytes;
    }
    for (const auto& [place, bytes] : own) largest[place] = std::max(largest[place], bytes);
  }
  return largest;
}

Bytes required_on(const device::DeviceId& device, const std::vector<ModelPlan>& models) {
  Bytes sum;
  std::set<std::string> compute_groups;
  for (const ModelPlan& model : models) {
    if (!model.compute_group.empty()) compute_groups.insert(model.compute_group);
    for (const Entry& entry : model.entries) {
      const bool shared = !model.compute_group.empty() && is_of_compute_group(entry);
      if (entry.charged && entry.device == device && !shared) sum += entry.bytes;
    }
  }
  for (const std::string& compute_group : compute_groups) {
    for (const auto& [place, bytes] : compute_buffers_of(compute_group, models)) {
      if (place.first == device) sum += bytes;
    }
  }
  return sum;
}

namespace {

Bytes estimated_on(const device::DeviceId& device, const std::vector<ModelPlan>& models) {
  Bytes sum;
  for (const ModelPlan& model : models) {
    for (const Entry& entry : model.entries) {
      const bool is_measured_one_day = entry.source == Source::estimated && is_backends_runtime(entry);
      if (entry.charged && entry.device == device && is_measured_one_day) sum += entry.bytes;
    }
  }
  return sum;
}

DeviceVerdict judge(const DeviceState& state, Bytes required) {
  DeviceVerdict verdict{.state = state, .required = required, .short_by = {}, .limit = {}};
  if (state.budget) {
    const Bytes under_budget = saturating_sub(state.budget->bytes, state.ours);
    if (required > under_budget) {
      verdict.short_by = verdict.over_budget = required - under_budget;
      verdict.limit = Limit::budget;
    }
  }
  if (state.reading.free && saturating_sub(required, *state.reading.free) > verdict.short_by) {
    verdict.short_by = required - *state.reading.free;
    verdict.limit = state.held_back > Bytes{} ? Limit::shared : Limit::free;
  }
  return verdict;
}

// A card that two backends offer must hold what is required under both names.
template <class Wanted>
Bytes in_memory_of(const device::DeviceInfo& device, const std::vector<DeviceState>& devices, Wanted&& wanted) {
  Bytes sum;
  for (const DeviceState& other : devices) {
    if (other.info.memory() == device.memory()) sum += wanted(other.info.id);
  }
  return sum;
}

}  // namespace

Bytes required_in_memory_of(const device::DeviceInfo& device, const std::vector<DeviceState>& devices,
                            const std::vector<ModelPlan>& models) {
  return in_memory_of(device, devices, [&](const device::DeviceId& id) { return required_on(id, models); });
}

std::vector<DeviceVerdict> one_of_each_memory(const std::vector<DeviceVerdict>& verdicts) {
  std::vector<DeviceVerdict> out;
  for (const DeviceVerdict& verdict : verdicts) {
    const auto known = std::ranges::find(out, verdict.state.info.memory(),
                                         [](const DeviceVerdict& one) { return one.state.info.memory(); });
    if (known == out.end())
      out.push_back(verdict);
    else if (verdict.own_required > known->own_required)
      *known = verdict;
  }
  return out;
}

std::vector<DeviceVerdict> admit(const std::vector<ModelPlan>& models, const std::vector<DeviceState>& devices) {
  std::vector<DeviceVerdict> verdicts;
  Bytes in_host_memory;
  for (const DeviceState& state : devices) {
    DeviceVerdict& verdict = verdicts.emplace_back(judge(state, required_in_memory_of(state.info, devices, models)));
    verdict.estimated =
        in_memory_of(state.info, devices, [&](const device::DeviceId& device) { return estimated_on(device, models); });
    verdict.own_required = required_on(state.info.id, models);
    verdict.own_estimated = estimated_on(state.info.id, models);
    if (state.info.memory_is_hosts) in_host_memory += verdict.required;
  }
  const auto host = std::ranges::find_if(devices, [](const DeviceState& state) { return state.info.id.is_host(); });
  if (host == devices.end() || !host->reading.free || in_host_memory <= *host->reading.free) return verdicts;
  for (DeviceVerdict& verdict : verdicts) {
    // Each fits alone, but they are the same memory.
    if (!verdict.state.info.memory_is_hosts || !verdict.fits() || verdict.required == Bytes{}) continue;
    verdict.short_by = in_host_memory - *host->reading.free;
    verdict.limit = Limit::host;
  }
  return verdicts;
}

std::vector<DeviceVerdict> admit_beyond_estimates(const std::vector<ModelPlan>& models,
                                                  std::vector<DeviceState> devices) {
  const std::vector<DeviceVerdict> verdicts = admit(models, devices);
  Bytes in_host_memory;
  for (std::size_t i = 0; i < devices.size(); ++i) {
    if (!verdicts[i].stands_on_estimate()) continue;
    DeviceState& state = devices[i];
    if (state.budget) state.budget->bytes += verdicts[i].estimated;
    if (state.reading.free) *state.reading.free += verdicts[i].estimated;
    if (state.info.memory_is_hosts && !state.info.id.is_host()) in_host_memory += verdicts[i].estimated;
  }
  for (DeviceState& state : devices) {
    if (state.info.id.is_host() && state.reading.free) *state.reading.free += in_host_memory;
  }
  return admit(models, devices);
}

bool each_fits_alone(const Plan& plan) {
  std::vector<DeviceState> states;
  for (const DeviceVerdict& verdict : plan.devices) states.push_back(verdict.state);
  return std::ranges::all_of(plan.models, [&](const ModelPlan& model) { return all_fit(admit({model}, states)); });
}

std::vector<memory::Ledger::PlannedEntry> reservation_entries(const ModelPlan& model) {
  std::vector<memory::Ledger::PlannedEntry> entries;
  for (const Entry& entry : model.entries) {
    if (!entry.charged) continue;
    entries.push_back(
        {.tag = {.device = entry.device, .owner = model.name, .stage = entry.stage, .buffer = entry.buffer},
         .bytes = entry.bytes});
  }
  return entries;
}

}  // namespace plimsoll::plan
