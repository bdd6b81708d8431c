#include "run/machine_memory.hpp"

#include <algorithm>

#include "base/log.hpp"
#include "device/memory_key.hpp"

namespace plimsoll::run {
namespace {

device::DeviceInfo the_host() {
  device::DeviceInfo host;
  host.id = device::host();
  host.backend = "CPU";
  host.memory_is_hosts = true;
  return host;
}

bool is_alone(const broker::Others& others) {
  return others.reserved == Bytes{} && others.promised == Bytes{} && others.coming_back == Bytes{};
}

}  // namespace

MachineMemory::MachineMemory(broker::MachineLedger& machine, const device::Probe& probe)
    : machine_(machine), probe_(probe) {
  know(the_host());
}

void MachineMemory::know(const device::DeviceInfo& device) {
  const broker::AccountId account = machine_.account(device::memory_key(device));
  const MutexLock lock(mutex_);
  auto found = std::ranges::find(memories_, account, &Memory::account);
  if (found == memories_.end()) {
    memories_.push_back({.device = device, .account = account});
    found = memories_.end() - 1;
  }
  const auto index = static_cast<std::size_t>(found - memories_.begin());
  by_device_[device.id] = index;
  by_device_.try_emplace(device.memory(), index);
}

void MachineMemory::limit(const device::DeviceId& device, std::optional<Bytes> bytes) {
  const MutexLock lock(mutex_);
  if (Memory* const known = find(device)) known->limit = bytes;
}

std::optional<Bytes> MachineMemory::limit_of(const device::DeviceId& device) const {
  const MutexLock lock(mutex_);
  const auto found = by_device_.find(device);
  return found == by_device_.end() ? std::nullopt : memories_[found->second].limit;
}

MachineMemory::Memory* MachineMemory::find(const device::DeviceId& device) {
  const auto found = by_device_.find(device);
  return found == by_device_.end() ? nullptr : &memories_[found->second];
}

std::optional<broker::AccountId> MachineMemory::account_of(const device::DeviceId& device) const {
  const MutexLock lock(mutex_);
  const auto found = by_device_.find(device);
  return found == by_device_.end() ? std::nullopt : std::optional(memories_[found->second].account);
}

std::optional<device::DeviceId> MachineMemory::device_of(broker::AccountId account) const {
  const MutexLock lock(mutex_);
  const auto found = std::ranges::find(memories_, account, &Memory::account);
  return found == memories_.end() ? std::nullopt : std::optional(found->device.id);
}

void MachineMemory::look(const std::vector<device::DeviceId>& memories, std::chrono::milliseconds oldest) {
  if (!machine_.is_on()) return;
  for (const device::DeviceId& memory : memories) read(memory, oldest);
}

void MachineMemory::read(const device::DeviceId& memory, std::chrono::milliseconds oldest) {
  device::DeviceInfo device;
  broker::AccountId account = 0;
  {
    const MutexLock lock(mutex_);
    const Memory* const known = find(memory);
    if (known == nullptr) return;
    const auto now = std::chrono::steady_clock::now();
    if (known->read_at && now - *known->read_at < oldest) return;
    device = known->device;
    account = known->account;
  }
  broker::Moment before = machine_.moment();
  std::optional<Bytes> free;
  const bool reads = !is_alone(machine_.others(account));
  if (reads) {
    const auto reading = probe_.read(device);
    free = reading ? reading->free : std::nullopt;
  }
  const MutexLock lock(mutex_);
  Memory& known = *find(memory);
  known.before = std::move(before);
  known.free = free;
  known.read_at = reads ? std::optional(std::chrono::steady_clock::now()) : std::nullopt;
}

std::expected<void, memory::Refusal> MachineMemory::reserve(const std::vector<More>& wanted) {
  std::vector<broker::Want> wants;
  broker::Moment before;
  std::map<broker::AccountId, device::DeviceId> names;
  {
    const MutexLock lock(mutex_);
    std::optional<std::chrono::steady_clock::time_point> oldest;
    for (const More& more : wanted) {
      const Memory* const known = find(more.memory);
      if (known == nullptr) continue;
      const auto same = std::ranges::find(wants, known->account, &broker::Want::account);
      if (same != wants.end()) {
        same->more += more.bytes;
        continue;
      }
      wants.push_back({.account = known->account, .more = more.bytes, .free = known->free, .limit = known->limit});
      names.emplace(known->account, more.memory);
      // What was placed before the oldest of these readings is in all of them.
      if (!known->free || (oldest && *oldest <= *known->read_at)) continue;
      oldest = known->read_at;
      before = known->before;
    }
  }
  if (wants.empty()) return {};
  const auto granted = machine_.reserve(before, wants);
  if (granted) return {};
  const broker::Short& why = granted.error();
  const auto want = std::ranges::find(wants, why.account, &broker::Want::account);
  return std::unexpected(memory::Refusal{.by = memory::RefusedBy::others,
                                         .device = names.at(why.account),
                                         .requested = why.requested,
                                         .available = why.available,
                                         .promised = why.promised,
                                         .limit = why.by_limit ? want->limit : std::nullopt});
}

void MachineMemory::reserve_anyway(const device::DeviceId& memory, Bytes bytes) noexcept {
  if (const auto account = account_of(memory)) machine_.reserve_anyway(*account, bytes);
}

void MachineMemory::release(const device::DeviceId& memory, Bytes bytes) noexcept {
  if (const auto account = account_of(memory)) machine_.release(*account, bytes);
}

void MachineMemory::placed(const device::DeviceId& memory, Bytes bytes) noexcept {
  if (const auto account = account_of(memory)) machine_.placed(*account, bytes);
}

void MachineMemory::leaving(const device::DeviceId& memory, Bytes bytes) noexcept {
  if (const auto account = account_of(memory)) machine_.leaving(*account, bytes);
}

}  // namespace plimsoll::run
