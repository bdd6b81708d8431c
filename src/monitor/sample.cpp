#include "monitor/take_sample.hpp"

#include <algorithm>
#include <set>
#include <string_view>
#include <tuple>
#include <utility>

namespace plimsoll::monitor {
namespace {

StageSample& stage_of(OwnerSample& owner, const std::string& device, memory::Stage stage) {
  const auto key = [](const StageSample& at) { return std::tie(at.device, at.stage); };
  const auto place = std::ranges::lower_bound(owner.stages, std::tie(device, stage), {}, key);
  if (place != owner.stages.end() && place->device == device && place->stage == stage) return *place;
  return *owner.stages.insert(place, {.device = device, .stage = stage, .planned = {}, .taken = {}, .peak = {}});
}

void add_entry(OwnerSample& owner, const memory::Entry& entry, bool has_plan) {
  const std::string& device = entry.tag.device.name();
  if (!entry.charged) {
    if (entry.taken.current > Bytes{}) owner.mapped[device] += entry.taken.current;
    return;
  }
  StageSample& stage = stage_of(owner, device, entry.tag.stage);
  stage.taken += entry.taken.current;
  stage.peak += entry.taken.peak;
  if (!has_plan) stage.planned += entry.planned;
}

void add_plan(OwnerSample& owner, const std::vector<plan::Entry>& entries) {
  for (const plan::Entry& entry : entries) {
    if (entry.charged) stage_of(owner, entry.device.name(), entry.stage).planned += entry.bytes;
  }
}

DeviceSample device_sample(const ObservedDevice& device) {
  DeviceSample out;
  out.device = device.info.id.name();
  out.description = device.info.description;
  out.memory_is_hosts = device.info.memory_is_hosts;
  if (device.reading) {
    out.source = device.reading->source;
    out.total = device.reading->total;
    out.free = device.reading->free;
    out.process = device.reading->used_by_us;
  }
  out.budget = device.account.budget;
  out.reserved = device.account.reserved;
  out.taken = device.account.taken;
  out.committed = device.account.committed;
  if (out.budget) out.headroom = saturating_sub(*out.budget, out.committed);
  return out;
}

std::optional<Bytes> foreign_on(const Sample& sample, const DeviceSample& device) {
  if (!device.total || !device.free) return std::nullopt;
  const Bytes ours = device.process ? *device.process : in_same_memory(sample, device, &DeviceSample::taken);
  return saturating_sub(saturating_sub(*device.total, *device.free), ours);
}

}  // namespace

Bytes in_same_memory(const Sample& sample, const DeviceSample& device, Bytes DeviceSample::* field) {
  if (!device.memory_is_hosts) return device.*field;
  Bytes sum;
  for (const DeviceSample& other : sample.devices) {
    if (other.memory_is_hosts) sum += other.*field;
  }
  return sum;
}

Sample sample_of(Observed observed) {
  Sample out{.at = observed.at,
             .waiting = observed.status.waiting,
             .swapped_conversations = observed.status.swapped_conversations,
             .swapped_to_memory = observed.status.swapped_to_memory,
             .swapped_to_disk = observed.status.swapped_to_disk,
             .kept_weights = observed.status.kept_weights,
             .events_dropped = observed.status.events_dropped,
             .reloads = observed.status.reloads};
  std::map<std::string, OwnerSample> others;
  for (host::ModelStatus& model : observed.status.models) {
    ModelSample sample{.status = std::move(model), .memory = {}};
    sample.memory.name = sample.status.name;
    add_plan(sample.memory, std::exchange(sample.status.planned, {}));
    out.models.push_back(std::move(sample));
  }
  for (const memory::Entry& entry : observed.entries) {
    const auto model =
        std::ranges::find(out.models, entry.tag.owner, [](const ModelSample& m) { return m.memory.name; });
    const bool has_plan = model != out.models.end();
    OwnerSample& owner = has_plan ? model->memory : others[entry.tag.owner];
    owner.name = entry.tag.owner;
    add_entry(owner, entry, has_plan);
  }
  for (auto& [name, owner] : others) out.others.push_back(std::move(owner));
  for (ModelSample& model : out.models) model.memory.seal = observed.seals[model.memory.name];
  for (OwnerSample& owner : out.others) owner.seal = observed.seals[owner.name];
  // A card that two backends offer is one memory with one budget and one account: it is watched and reported once.
  std::map<device::DeviceId, std::size_t> memories;
  for (const ObservedDevice& device : observed.devices) {
    const auto [place, is_new] = memories.try_emplace(device.info.memory(), out.devices.size());
    if (is_new)
      out.devices.push_back(device_sample(device));
    else
      out.devices[place->second].also.push_back(device.info.id.name());
  }
  for (DeviceSample& device : out.devices) device.foreign = foreign_on(out, device);
  return out;
}

std::vector<device::DeviceInfo> devices_of(const host::Host& host) {
  std::vector<device::DeviceInfo> out;
  for (plan::DeviceState& state : host.devices()) out.push_back(std::move(state.info));
  return out;
}

Sample take_sample(host::Host& host, const std::vector<device::DeviceInfo>& devices) {
  return take_sample(host.accounting(), host.status(), devices);
}

Sample take_sample(run::MemoryAccounting& accounting, host::HostStatus status,
                   const std::vector<device::DeviceInfo>& devices) {
  Observed observed{.at = SystemClock().now(),
                    .status = std::move(status),
                    .devices = {},
                    .entries = accounting.ledger().entries(),
                    .seals = {}};
  std::set<device::DeviceId> memories;
  for (const device::DeviceInfo& info : devices) {  // each memory is read once
    const bool is_new = memories.insert(info.memory()).second;
    observed.devices.push_back({.info = info,
                                .reading = is_new ? accounting.probe().read(info) : std::nullopt,
                                .account = accounting.ledger().account(info.id)});
  }
  for (const host::ModelStatus& model : observed.status.models)
    observed.seals[model.name] = model.process ? model.seal : accounting.seal().counts(model.name);
  for (const memory::Entry& entry : observed.entries)
    observed.seals.try_emplace(entry.tag.owner, accounting.seal().counts(entry.tag.owner));
  return sample_of(std::move(observed));
}

Sample take_sample(host::Host& host) { return take_sample(host, devices_of(host)); }

namespace {

constexpr std::size_t kMapNode = 32;  // what a node of a map has beside its content, with the usual libraries

std::size_t heap_of(const OwnerSample& owner) {
  std::size_t sum = owner.name.size() + owner.stages.size() * sizeof(StageSample);
  for (const StageSample& stage : owner.stages) sum += stage.device.size();
  for (const auto& [device, bytes] : owner.mapped) sum += kMapNode + sizeof device + sizeof bytes + device.size();
  return sum;
}

}  // namespace

Bytes size_of(const Sample& sample) {
  std::size_t sum = sizeof(Sample) + sample.devices.size() * sizeof(DeviceSample) +
                    sample.models.size() * sizeof(ModelSample) + sample.others.size() * sizeof(OwnerSample);
  for (const DeviceSample& device : sample.devices) {
    sum += device.device.size() + device.description.size() + device.source.size();
    for (const std::string& name : device.also) sum += sizeof name + name.size();
  }
  for (const ModelSample& model : sample.models) {
    sum += model.status.name.size() + model.status.compute_group.size() + heap_of(model.memory);
    if (model.status.failure) sum += std::string_view(model.status.failure->what()).size();
  }
  for (const OwnerSample& owner : sample.others) sum += heap_of(owner);
  return Bytes{sum};
}

Bytes taken_by(const OwnerSample& owner) {
  Bytes sum;
  for (const StageSample& stage : owner.stages) sum += stage.taken;
  return sum;
}

bool limit_is_far_below_total(const DeviceSample& device) {
  constexpr std::uint64_t kParts = 4;
  return device.budget && device.total && device.budget->value() < device.total->value() / kParts;
}

}  // namespace plimsoll::monitor
