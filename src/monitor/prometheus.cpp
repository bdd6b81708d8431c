#include "monitor/prometheus.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>

#include "monitor/exposition.hpp"

namespace plimsoll::monitor {
namespace {

void add_bytes(Exposition& out, const Sample& sample, const char* name, const char* help,
               const std::function<std::optional<Bytes>(const DeviceSample&)>& bytes) {
  out.family(name, "gauge", help);
  for (const DeviceSample& device : sample.devices) {
    if (const auto value = bytes(device)) out.add({{"device", device.device}}, value->value());
  }
}

void add_devices(Exposition& out, const Sample& sample, const Counters& counters) {
  add_bytes(out, sample, "plimsoll_budget_bytes", "How far the device may be filled by Plimsoll.",
            [](const DeviceSample& device) { return device.budget; });
  add_bytes(out, sample, "plimsoll_headroom_bytes", "Budget minus what counts against it.",
            [](const DeviceSample& device) { return device.headroom; });
  add_bytes(out, sample, "plimsoll_committed_bytes",
            "What counts against the budget: of each owner the larger of reserved and taken.",
            [](const DeviceSample& device) { return std::optional(device.committed); });
  add_bytes(out, sample, "plimsoll_device_total_bytes", "Memory of the device.",
            [](const DeviceSample& device) { return device.total; });
  add_bytes(out, sample, "plimsoll_device_free_bytes", "Free memory of the device, everybody's use counted.",
            [](const DeviceSample& device) { return device.free; });
  add_bytes(out, sample, "plimsoll_device_free_lowest_bytes",
            "The least memory that was ever free since the monitor began.", [&](const DeviceSample& device) {
              const auto found = counters.lowest_free.find(device.device);
              return found == counters.lowest_free.end() ? std::nullopt : std::optional(found->second);
            });
  add_bytes(out, sample, "plimsoll_device_foreign_bytes", "Memory of the device that others hold.",
            [](const DeviceSample& device) { return device.foreign; });
  add_bytes(out, sample, "plimsoll_process_bytes",
            "Memory of the device that this process holds, in the ledger or not.",
            [](const DeviceSample& device) { return device.process; });
}

void for_each_owner(const Sample& sample, const std::function<void(const OwnerSample&)>& visit) {
  for (const ModelSample& model : sample.models) visit(model.memory);
  for (const OwnerSample& owner : sample.others) visit(owner);
}

void add_memory(Exposition& out, const Sample& sample) {
  out.family("plimsoll_memory_bytes", "gauge",
             "Charged memory by device, owner and stage: planned, taken now, and the most ever taken.");
  for_each_owner(sample, [&](const OwnerSample& owner) {
    for (const StageSample& at : owner.stages) {
      const auto add = [&](std::string_view kind, Bytes bytes) {
        out.add({{"device", at.device}, {"model", owner.name}, {"stage", memory::to_string(at.stage)}, {"kind", kind}},
                bytes.value());
      };
      add("planned", at.planned);
      add("taken", at.taken);
      add("peak", at.peak);
    }
  });
  out.family("plimsoll_mapped_bytes", "gauge", "Mapped weights: page cache, charged to no budget.");
  for_each_owner(sample, [&](const OwnerSample& owner) {
    for (const auto& [device, bytes] : owner.mapped)
      out.add({{"device", device}, {"model", owner.name}}, bytes.value());
  });
  out.family("plimsoll_allocations_after_seal_total", "counter",
             "Allocations of a sealed model inside its reservation.");
  for_each_owner(
      sample, [&](const OwnerSample& owner) { out.add({{"model", owner.name}}, owner.seal.allocations_after_seal); });
  out.family("plimsoll_refused_after_seal_total", "counter", "Allocations of a sealed model that were refused.");
  for_each_owner(sample,
                 [&](const OwnerSample& owner) { out.add({{"model", owner.name}}, owner.seal.refused_after_seal); });
}

constexpr std::array kStates{host::ModelState::absent, host::ModelState::loading,  host::ModelState::warming,
                             host::ModelState::ready,  host::ModelState::draining, host::ModelState::swapped,
                             host::ModelState::failed};

void add_states(Exposition& out, const Sample& sample) {
  out.family("plimsoll_model_state", "gauge", "1 for the state that the model is in, 0 for the others.");
  for (const ModelSample& model : sample.models) {
    for (const host::ModelState state : kStates)
      out.add({{"model", model.status.name}, {"state", host::to_string(state)}}, model.status.state == state ? 1 : 0);
  }
}

void add_processes(Exposition& out, const Sample& sample) {
  const auto has_process = [](const ModelSample& model) { return model.status.process.has_value(); };
  if (std::ranges::none_of(sample.models, has_process)) return;
  out.family("plimsoll_process_restarts_total", "counter",
             "Times that the process of a model has died and was started again, since the model was loaded.");
  for (const ModelSample& model : sample.models) {
    if (has_process(model)) out.add({{"model", model.status.name}}, model.status.process->restarts);
  }
}

// One value of each model.
template <class Value>
void add_models(Exposition& out, const Sample& sample, const char* name, const char* type, const char* help,
                Value&& value) {
  out.family(name, type, help);
  for (const ModelSample& model : sample.models) out.add({{"model", model.status.name}}, value(model.status));
}

void add_cells(Exposition& out, const Sample& sample) {
  const auto add = [&](const char* name, const char* help, auto value) {
    out.family(name, "gauge", help);
    for (const ModelSample& model : sample.models) {
      if (model.status.cells) out.add({{"model", model.status.name}}, value(model.status));
    }
  };
  add("plimsoll_kv_cells", "Cells of the KV cache, one for a token, for all sequences together.",
      [](const host::ModelStatus& m) { return *m.cells; });
  add("plimsoll_kv_cells_used", "Cells that hold a token now, of kept prompts as well.",
      [](const host::ModelStatus& m) { return m.cells_used; });
}

void add_work(Exposition& out, const Sample& sample) {
  using host::ModelStatus;
  add_states(out, sample);
  add_processes(out, sample);
  const auto add = [&](const char* name, const char* type, const char* help, auto value) {
    add_models(out, sample, name, type, help, value);
  };
  add("plimsoll_model_pinned", "gauge", "1 where the model is never evicted for another.",
      [](const ModelStatus& m) { return m.pinned ? 1 : 0; });
  add("plimsoll_slots", "gauge", "Leases that the model can give at once.",
      [](const ModelStatus& m) { return m.slots; });
  add("plimsoll_leases", "gauge", "Leases given now.", [](const ModelStatus& m) { return m.leases; });
  add("plimsoll_queue_depth", "gauge", "Requests that wait for the model.",
      [](const ModelStatus& m) { return m.waiting; });
  add("plimsoll_tokens_total", "counter", "Tokens computed, prompts and answers.",
      [](const ModelStatus& m) { return m.tokens; });
  add("plimsoll_generated_tokens_total", "counter", "Tokens of answers, counted as they come.",
      [](const ModelStatus& m) { return m.generated; });
  add_cells(out, sample);
  add("plimsoll_loads_total", "counter", "Loads that succeeded.", [](const ModelStatus& m) { return m.loads; });
  add("plimsoll_load_failures_total", "counter", "Loads that failed.",
      [](const ModelStatus& m) { return m.load_failures; });
  add("plimsoll_evictions_total", "counter", "How often the model was evicted.",
      [](const ModelStatus& m) { return m.evictions; });
  add("plimsoll_refusals_total", "counter", "Requests that were refused.",
      [](const ModelStatus& m) { return m.refusals; });
}

void add_times(Exposition& out, const std::map<std::string, host::ModelTimes>& times) {
  const auto add = [&](const char* name, const char* help, Histogram host::ModelTimes::* histogram) {
    out.family(name, "histogram", help);
    for (const auto& [model, of_model] : times) out.add({{"model", model}}, of_model.*histogram);
  };
  add("plimsoll_request_queue_time_seconds", "Time from a request's arrival to its lease.", &host::ModelTimes::queue);
  add("plimsoll_time_to_first_token_seconds", "Time from a request's arrival to its first token.",
      &host::ModelTimes::first_token);
  add("plimsoll_model_load_seconds", "Time that loads took, from reservation to ready.", &host::ModelTimes::load);
  add("plimsoll_model_warm_up_seconds", "The part of a load from its context to ready.", &host::ModelTimes::warm_up);
  add("plimsoll_model_eviction_seconds", "Time that evictions took, from swap to the memory given back.",
      &host::ModelTimes::eviction);
}

void add_reloads(Exposition& out, const host::ReloadCounts& reloads) {
  out.family("plimsoll_fleet_reloads_total", "counter", "How often the fleet was read again.");
  out.add({{"result", "applied"}}, reloads.applied);
  out.add({{"result", "refused"}}, reloads.refused);
  out.family("plimsoll_fleet_last_reload_successful", "gauge",
             "0 where the fleet as it was read last was not taken over.");
  out.add({}, reloads.last_was_applied ? 1 : 0);
  out.family("plimsoll_fleet_last_reload_success_timestamp_seconds", "gauge",
             "When the fleet as it was read was taken over the last time.");
  if (reloads.last_applied) {
    const auto since = std::chrono::duration_cast<std::chrono::milliseconds>(reloads.last_applied->time_since_epoch());
    out.add({}, static_cast<double>(since.count()) / 1000);
  }
}

void add_rest(Exposition& out, const Sample& sample, const Counters& counters) {
  out.family("plimsoll_swapped_bytes", "gauge", "Conversations of models that are not loaded.");
  out.add({{"where", "memory"}}, sample.swapped_to_memory.value());
  out.add({{"where", "disk"}}, sample.swapped_to_disk.value());
  out.family("plimsoll_swapped_conversations", "gauge", "How many conversations are swapped out.");
  out.add({}, sample.swapped_conversations);
  out.family("plimsoll_kept_weights_bytes", "gauge", "Weights of models that have gone, kept in host memory.");
  out.add({}, sample.kept_weights.value());
  out.family("plimsoll_events_dropped_total", "counter", "Events of the host's log that made way for newer ones.");
  out.add({}, sample.events_dropped);
  out.family("plimsoll_samples_total", "counter", "Samples that the monitor has taken.");
  out.add({}, counters.samples);
  out.family("plimsoll_alerts_total", "counter", "Alerts by kind.");
  for (const AlertKind kind : kAlertKinds) {
    const auto found = counters.alerts.find(kind);
    out.add({{"kind", to_string(kind)}}, found == counters.alerts.end() ? std::uint64_t{0} : found->second);
  }
}

}  // namespace

std::string to_prometheus(const Sample& sample, const Counters& counters,
                          const std::map<std::string, host::ModelTimes>& times) {
  Exposition out;
  add_memory(out, sample);
  add_devices(out, sample, counters);
  add_work(out, sample);
  add_times(out, times);
  add_reloads(out, sample.reloads);
  add_rest(out, sample, counters);
  return out.text();
}

}  // namespace plimsoll::monitor
