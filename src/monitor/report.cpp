#include "monitor/report.hpp"

#include "base/clock.hpp"
#include "host/preset_json.hpp"

namespace plimsoll::monitor {
namespace {

using Json = nlohmann::ordered_json;

Json bytes_or_null(const std::optional<Bytes>& bytes) { return bytes ? Json(bytes->value()) : Json(nullptr); }

Json device_json(const DeviceSample& device, const Counters& counters) {
  const auto lowest = counters.lowest_free.find(device.device);
  Json json{{"device", device.device},
            {"description", device.description},
            {"memory_is_hosts", device.memory_is_hosts},
            {"source", device.source.empty() ? Json(nullptr) : Json(device.source)},
            {"total", bytes_or_null(device.total)},
            {"free", bytes_or_null(device.free)},
            {"lowest_free", lowest == counters.lowest_free.end() ? Json(nullptr) : Json(lowest->second.value())},
            {"budget", bytes_or_null(device.budget)},
            {"reserved", device.reserved.value()},
            {"taken", device.taken.value()},
            {"committed", device.committed.value()},
            {"headroom", bytes_or_null(device.headroom)},
            {"process", bytes_or_null(device.process)},
            {"foreign", bytes_or_null(device.foreign)}};
  if (!device.also.empty()) json["also"] = device.also;
  return json;
}

Json memory_json(const OwnerSample& owner) {
  Json stages = Json::array();
  for (const StageSample& at : owner.stages) {
    stages.push_back({{"device", at.device},
                      {"stage", memory::to_string(at.stage)},
                      {"planned", at.planned.value()},
                      {"taken", at.taken.value()},
                      {"peak", at.peak.value()}});
  }
  return stages;
}

Json mapped_json(const OwnerSample& owner) {
  Json mapped = Json::object();
  for (const auto& [device, bytes] : owner.mapped) mapped[device] = bytes.value();
  return mapped;
}

Json seal_json(const OwnerSample& owner) {
  return {{"allocations_after_seal", owner.seal.allocations_after_seal},
          {"refused_after_seal", owner.seal.refused_after_seal}};
}

Json number_or_null(const std::optional<double>& number) { return number ? Json(*number) : Json(nullptr); }

Json pace_json(const Pace& pace) {
  return {{"tokens_per_second", number_or_null(pace.tokens_per_second)},
          {"prompt_tokens_per_second", number_or_null(pace.prompt_tokens_per_second)},
          {"first_token_ms", number_or_null(pace.first_token_ms)}};
}

Pace pace_of(const Counters& counters, const std::string& model) {
  const auto found = counters.paces.find(model);
  return found == counters.paces.end() ? Pace{} : found->second;
}

Json presets_json(const host::Fleet* fleet, const std::string& model) {
  Json out = Json::array();
  if (fleet == nullptr) return out;
  for (const host::FleetModel& one : fleet->models) {
    if (one.request.name != model) continue;
    for (const host::Preset& preset : one.presets) out.push_back(host::to_json(preset));
  }
  return out;
}

Json model_json(const ModelSample& model, const Counters& counters, const host::Fleet* fleet) {
  const host::ModelStatus& status = model.status;
  Json json{{"name", status.name},
            {"compute_group", status.compute_group},
            {"state", host::to_string(status.state)},
            {"pinned", status.pinned},
            {"slots", status.slots},
            {"leases", status.leases},
            {"waiting", status.waiting},
            {"tokens", status.tokens},
            {"generated", status.generated},
            {"first_tokens", status.first_tokens},
            {"first_token_ms", status.total_first_token_ms},
            {"pace", pace_json(pace_of(counters, status.name))},
            {"kv_cells", status.cells ? Json(*status.cells) : Json(nullptr)},
            {"kv_cells_used", status.cells ? Json(status.cells_used) : Json(nullptr)},
            {"loads", status.loads},
            {"load_failures", status.load_failures},
            {"load_ms", status.total_load_ms},
            {"evictions", status.evictions},
            {"refusals", status.refusals},
            {"seal", seal_json(model.memory)},
            {"memory", memory_json(model.memory)},
            {"mapped", mapped_json(model.memory)},
            {"presets", presets_json(fleet, status.name)}};
  if (status.process) json["process"] = {{"pid", status.process->pid}, {"restarts", status.process->restarts}};
  if (status.failure)
    json["failure"] = {{"code", to_string(status.failure->code())}, {"message", status.failure->what()}};
  return json;
}

Json reloads_json(const host::ReloadCounts& reloads) {
  return {{"applied", reloads.applied},
          {"refused", reloads.refused},
          {"last_was_applied", reloads.last_was_applied},
          {"last_applied", reloads.last_applied ? Json(utc_text(*reloads.last_applied)) : Json(nullptr)}};
}

Json alerts_json(const Counters& counters) {
  Json alerts = Json::object();
  for (const AlertKind kind : kAlertKinds) {
    const auto found = counters.alerts.find(kind);
    alerts[std::string(to_string(kind))] = found == counters.alerts.end() ? 0 : found->second;
  }
  return alerts;
}

}  // namespace

nlohmann::ordered_json to_json(const Sample& sample, const Counters& counters, const host::Fleet* fleet) {
  Json out{{"schema", "plimsoll.status/1"},
           {"at", utc_text(sample.at)},
           {"waiting", sample.waiting},
           {"swap",
            {{"conversations", sample.swapped_conversations},
             {"memory", sample.swapped_to_memory.value()},
             {"disk", sample.swapped_to_disk.value()}}},
           {"kept_weights", sample.kept_weights.value()},
           {"reloads", reloads_json(sample.reloads)},
           {"events_dropped", sample.events_dropped},
           {"samples", counters.samples},
           {"alerts", alerts_json(counters)},
           {"devices", Json::array()},
           {"models", Json::array()},
           {"others", Json::array()}};
  for (const DeviceSample& device : sample.devices) out["devices"].push_back(device_json(device, counters));
  for (const ModelSample& model : sample.models) out["models"].push_back(model_json(model, counters, fleet));
  for (const OwnerSample& owner : sample.others) {
    out["others"].push_back({{"name", owner.name},
                             {"seal", seal_json(owner)},
                             {"memory", memory_json(owner)},
                             {"mapped", mapped_json(owner)}});
  }
  return out;
}

}  // namespace plimsoll::monitor
