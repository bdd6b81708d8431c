#include "runtime_memory.hpp"

#include <malloc.h>

#include <algorithm>

#include "base/log.hpp"
#include "plan/planner.hpp"

namespace plimsoll::host {

RuntimeMemory::RuntimeMemory(run::MemoryAccounting& accounting, plan::Store& store,
                             std::vector<plan::DeviceVerdict> devices,
                             std::function<bool(const std::string& owner)> is_elsewhere)
    : store_(store),
      devices_(std::move(devices)),
      backends_(accounting.ledger(), accounting.probe(), plan::infos_of(devices_), std::move(is_elsewhere)) {}

void RuntimeMemory::warm_up(run::Instance& instance, run::WarmUpDepth depth, const std::stop_token& stop) {
  const std::string& name = instance.name();
  if (const auto known = known_.find(name); known != known_.end()) {
    instance.reuse_warm_up(known->second.report, known->second.runtime);
  } else {
    (void)instance.warm_up({.depth = depth, .stop = stop}, &store_);
    if (instance.warm_up_report().complete()) {
      if (find(instance.plan()) != nullptr) instance.trim_runtime();
      known_[name] = {
          .key = key_of(instance.plan()), .report = instance.warm_up_report(), .runtime = instance.runtime()};
    } else {
      for (const auto& share : instance.runtime()) lower_bounds_[{name, share.device}] = share.taken;
    }
  }
  instance.seal();
}

void RuntimeMemory::note_gone(const std::vector<std::string>& names, const std::vector<device::DeviceId>& computed_on) {
  if (backends_.reads_host_memory()) (void)malloc_trim(0);  // what the C library keeps would look like a backend's
  const Stopwatch watch;
  const auto left_behind = backends_.charge_what_stayed(computed_on);
  log::info("host", "'{}': read the devices in {:.1f} ms", names.front(), watch.elapsed_ms());
  for (const std::string& name : names) {
    const auto known = known_.find(name);
    if (known == known_.end()) continue;
    for (run::Instance::RuntimeShare& share : known->second.runtime) {
      const auto left = std::ranges::find(left_behind, share.device, &std::pair<device::DeviceId, Bytes>::first);
      if (left == left_behind.end()) continue;
      share.taken = saturating_sub(share.taken, left->second);
      share.reserved = saturating_sub(share.reserved, left->second);
    }
  }
}

std::string RuntimeMemory::key_of(const plan::ModelPlan& model) const {
  std::string key;
  for (const device::DeviceId& device : plan::computing_devices(model.dry_run)) {
    const auto verdict =
        std::ranges::find_if(devices_, [&](const plan::DeviceVerdict& one) { return one.state.info.id == device; });
    if (verdict == devices_.end()) continue;
    key += plan::runtime_key({.info = verdict->state.info, .reading = verdict->state.reading}, model.dry_run) + "\n";
  }
  return key;
}

const RuntimeMemory::Known* RuntimeMemory::find(const plan::ModelPlan& model) const {
  if (const auto own = known_.find(model.name); own != known_.end()) return &own->second;
  if (known_.empty()) return nullptr;
  const auto reserved = [](const Known& known) {
    Bytes sum;
    for (const run::Instance::RuntimeShare& share : known.runtime) sum += share.reserved;
    return sum;
  };
  const std::string key = key_of(model);
  const Known* least = nullptr;
  for (const auto& [name, known] : known_) {
    if (known.key == key && (least == nullptr || reserved(known) < reserved(*least))) least = &known;
  }
  return least;
}

RuntimeFigures RuntimeMemory::figures(const std::vector<plan::ModelPlan>& plans) const {
  RuntimeFigures out;
  for (const plan::ModelPlan& model : plans) {
    if (const Known* const known = find(model)) {
      for (const run::Instance::RuntimeShare& share : known->runtime)
        out.push_back({model.name, share.device, {.bytes = share.reserved, .source = plan::Source::measured}});
      continue;
    }
    for (const plan::Entry& entry : model.entries) {
      if (!plan::is_backends_runtime(entry)) continue;
      const auto bound = lower_bounds_.find({model.name, entry.device});
      const Bytes figure = bound == lower_bounds_.end() ? entry.bytes : std::max(entry.bytes, bound->second);
      out.push_back({model.name,
                     entry.device,
                     {.bytes = saturating_sub(figure, backends_.held_on(entry.device)), .source = entry.source}});
    }
  }
  return out;
}

}  // namespace plimsoll::host
