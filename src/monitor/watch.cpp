#include "monitor/watch.hpp"
#include "monitor/take_sample.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "distinct_amounts.hpp"

namespace plimsoll::monitor {
namespace {

bool is_moving(host::ModelState state) {
  return state == host::ModelState::loading || state == host::ModelState::warming ||
         state == host::ModelState::draining;
}

Severity severity_of(const LevelChange& change) {
  if (change.to < change.from) return Severity::notice;
  return change.to == Level::at_budget ? Severity::serious : Severity::warning;
}

// The devices that stand for a memory each: the host's is looked at once.
std::vector<const DeviceSample*> memories(const Sample& sample) {
  std::vector<const DeviceSample*> out;
  const auto is_hosts = [](const DeviceSample* device) { return device->memory_is_hosts; };
  for (const DeviceSample& device : sample.devices) {
    if (!device.memory_is_hosts || std::ranges::none_of(out, is_hosts)) out.push_back(&device);
  }
  return out;
}

// What this process holds that stands in no charge of ours.
std::optional<Bytes> beyond_ledger(const Sample& sample, const DeviceSample& device) {
  if (!device.process) return std::nullopt;
  return saturating_sub(*device.process, in_same_memory(sample, device, &DeviceSample::taken));
}

}  // namespace

std::string_view to_string(Severity severity) noexcept {
  switch (severity) {
    case Severity::notice:
      return "notice";
    case Severity::warning:
      return "warning";
    case Severity::serious:
      return "serious";
  }
  return "notice";
}

std::string_view to_string(AlertKind kind) noexcept {
  switch (kind) {
    case AlertKind::threshold:
      return "threshold";
    case AlertKind::foreign:
      return "foreign";
    case AlertKind::drift:
      return "drift";
    case AlertKind::seal:
      return "seal";
    case AlertKind::low_water:
      return "low_water";
  }
  return "threshold";
}

std::vector<Alert> Watch::look(const Sample& sample) {
  found_.clear();
  for (const DeviceSample& device : sample.devices) {
    look_at_budget(sample, device);
    note_lowest(device);
  }
  for (const DeviceSample* device : memories(sample)) {
    look_at_promises(sample, *device);
    look_at_free(sample, *device);
  }
  look_at_drift(sample);
  for (const ModelSample& model : sample.models) look_at_seal(sample, model.memory);
  for (const OwnerSample& owner : sample.others) look_at_seal(sample, owner);
  return std::exchange(found_, {});
}

Alert& Watch::alert(const Sample& sample, AlertKind kind, Severity severity) {
  return found_.emplace_back(Alert{.at = sample.at, .kind = kind, .severity = severity});
}

void Watch::note_lowest(const DeviceSample& device) {
  if (!device.free) return;
  const auto lowest = lowest_.try_emplace(device.device, *device.free).first;
  lowest->second = std::min(lowest->second, *device.free);
}

void Watch::look_at_budget(const Sample& sample, const DeviceSample& device) {
  if (!device.budget) return;
  look_at_level(sample, device, "ours", device.committed);
  // A budget on host memory is about our share of it; what other programs of the machine use is not held against it.
  if (!device.memory_is_hosts && device.total && device.free)
    look_at_level(sample, device, "all", saturating_sub(*device.total, *device.free));
}

void Watch::set_thresholds(host::Thresholds thresholds) {
  if (thresholds.warn == thresholds_.warn && thresholds.high == thresholds_.high) return;
  thresholds_ = thresholds;
  levels_.clear();
}

void Watch::look_at_level(const Sample& sample, const DeviceSample& device, const char* whose, Bytes used) {
  ThresholdWatch& watch = levels_.try_emplace({device.device, whose}, thresholds_).first->second;
  const auto change = watch.update(used, *device.budget);
  if (!change) return;
  Alert& out = alert(sample, AlertKind::threshold, severity_of(*change));
  out.device = device.device;
  out.numbers = {{"used", used.value()}, {"budget", device.budget->value()}};
  const auto [of_it, budget] = distinct_amounts(used, *device.budget);
  out.sentence = fmt::format("{}: {} {} of the budget's {} ({:.0f} %), {} -> {}", device.device,
                             std::string_view(whose) == "ours" ? "our models have" : "all programs together use", of_it,
                             budget, change->share * 100, to_string(change->from), to_string(change->to));
}

void Watch::look_at_promises(const Sample& sample, const DeviceSample& device) {
  if (!device.free) return;
  const Bytes promised = saturating_sub(in_same_memory(sample, device, &DeviceSample::committed),
                                        in_same_memory(sample, device, &DeviceSample::taken));
  if (*device.free >= promised + margins_.foreign * 2) threatened_.erase(device.device);
  if (*device.free >= promised + margins_.foreign || !threatened_.insert(device.device).second) return;
  Alert& out = alert(sample, AlertKind::foreign, *device.free < promised ? Severity::serious : Severity::warning);
  out.device = device.device;
  out.numbers = {{"free", device.free->value()}, {"promised", promised.value()}};
  if (device.foreign) out.numbers.emplace_back("foreign", device.foreign->value());
  const auto [free, reserved] = distinct_amounts(*device.free, promised);
  out.sentence =
      fmt::format("{}: {} are free, and {} are reserved by models that have not taken them yet{}", device.device, free,
                  reserved, device.foreign ? fmt::format("; others hold {}", format_bytes(*device.foreign)) : "");
}

// While a model comes or goes its memory and the accounting move at different moments: drift is counted between such
// times.
void Watch::look_at_drift(const Sample& sample) {
  std::vector<std::pair<host::ModelState, std::uint64_t>> moves;
  for (const ModelSample& model : sample.models) moves.emplace_back(model.status.state, model.status.loads);
  const bool moving = std::ranges::any_of(moves, [](const auto& move) { return is_moving(move.first); });
  if (moving || std::exchange(moves_, moves) != moves) beyond_ledger_.clear();
  if (moving) return;
  for (const DeviceSample* device : memories(sample)) {
    const auto beyond = beyond_ledger(sample, *device);
    if (!beyond) continue;
    const auto [from, is_first] = beyond_ledger_.try_emplace(device->device, *beyond);
    if (is_first || *beyond < from->second + margins_.drift) continue;
    Alert& out = alert(sample, AlertKind::drift, Severity::warning);
    out.device = device->device;
    out.numbers = {{"beyond_ledger", beyond->value()}, {"before", from->second.value()}};
    const auto [now, before] = distinct_amounts(*beyond, from->second);
    out.sentence = fmt::format("{}: this process holds {} beyond its ledger; it was {}", device->device, now, before);
    from->second = *beyond;
  }
}

void Watch::look_at_seal(const Sample& sample, const OwnerSample& owner) {
  const memory::SealCounts before = std::exchange(seals_[owner.name], owner.seal);
  const auto rise = [](std::uint64_t from, std::uint64_t to) { return to > from ? to - from : 0; };
  const std::uint64_t allocated = rise(before.allocations_after_seal, owner.seal.allocations_after_seal);
  const std::uint64_t refused = rise(before.refused_after_seal, owner.seal.refused_after_seal);
  if (allocated + refused == 0) return;
  Alert& out = alert(sample, AlertKind::seal, refused > 0 ? Severity::serious : Severity::warning);
  out.model = owner.name;
  out.numbers = {{"allocations_after_seal", allocated}, {"refused_after_seal", refused}};
  out.sentence = fmt::format(
      "'{}' is sealed, and yet asked for memory: {} allocations were let through inside its "
      "reservation, {} were refused",
      owner.name, allocated, refused);
}

void Watch::look_at_free(const Sample& sample, const DeviceSample& device) {
  if (!device.free) return;
  const auto [said, is_first] = lowest_said_.try_emplace(device.device, *device.free);
  const Bytes step = std::max(margins_.low_water, Bytes{device.total.value_or(Bytes{}).value() / 100});
  if (is_first || *device.free + step > said->second) return;
  Alert& out = alert(sample, AlertKind::low_water, Severity::notice);
  out.device = device.device;
  out.numbers = {{"free", device.free->value()}, {"before", said->second.value()}};
  const auto [now, before] = distinct_amounts(*device.free, said->second);
  out.sentence = fmt::format("{}: {} are free, less than ever before (it was {})", device.device, now, before);
  said->second = *device.free;
}

}  // namespace plimsoll::monitor
