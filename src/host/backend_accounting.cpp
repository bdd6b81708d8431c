#include "backend_accounting.hpp"

#include <algorithm>

#include "base/log.hpp"

namespace plimsoll::host {
namespace {

// Below this lies the noise of the process's own allocator where the device's memory is the host's.
constexpr Bytes kNoise{std::uint64_t{2} << 20U};

std::vector<device::DeviceInfo> accelerators(std::vector<device::DeviceInfo> devices) {
  std::erase_if(devices, [](const device::DeviceInfo& info) { return info.id.is_host(); });
  return devices;
}

memory::Tag tag_of(const device::DeviceId& device) {
  return {
      .device = device, .owner = BackendAccounting::kOwner, .stage = memory::Stage::runtime, .buffer = device.name()};
}

}  // namespace

BackendAccounting::BackendAccounting(memory::Ledger& ledger, const device::Probe& probe,
                                     const std::vector<device::DeviceInfo>& devices,
                                     std::function<bool(const std::string& owner)> is_elsewhere)
    : ledger_(ledger),
      is_elsewhere_(std::move(is_elsewhere)),
      devices_(devices),
      meter_(probe, accelerators(devices)),
      before_(meter_.read()) {}

BackendAccounting::~BackendAccounting() {
  for (const auto& [tag, bytes] : charged_) give_back(tag, bytes);
}

void BackendAccounting::give_back(const memory::Tag& tag, Bytes bytes) noexcept {
  ledger_.leaving(tag, bytes);
  ledger_.give_back(tag, bytes);
}

Bytes BackendAccounting::held_on(const device::DeviceId& device) const {
  const auto found = std::ranges::find(charged_, tag_of(device), &std::pair<memory::Tag, Bytes>::first);
  return found == charged_.end() ? Bytes{} : found->second;
}

bool BackendAccounting::reads_host_memory() const {
  return std::ranges::any_of(meter_.memories(), &device::DeviceInfo::memory_is_hosts);
}

bool BackendAccounting::lies_in(const device::DeviceId& device, const device::DeviceInfo& memory) const {
  return device::lies_in(device, memory, devices_);
}

// What others of us hold there, by the ledger: buffers and measured runtime, whatever device they are charged under.
Bytes BackendAccounting::known_in(const device::DeviceInfo& memory, device::Whose read) const {
  Bytes sum;
  for (const memory::Entry& entry : ledger_.entries()) {
    if (!entry.charged || entry.tag.owner == kOwner || !lies_in(entry.tag.device, memory)) continue;
    if (read == device::Whose::this_process && is_elsewhere_(entry.tag.owner)) continue;
    sum += entry.taken.current;
  }
  return sum;
}

Bytes BackendAccounting::held_in(const device::DeviceInfo& memory) const {
  Bytes sum;
  for (const auto& [tag, bytes] : charged_) {
    if (lies_in(tag.device, memory)) sum += bytes;
  }
  return sum;
}

void BackendAccounting::charge(const device::DeviceId& device, Bytes bytes) {
  const memory::Tag tag = tag_of(device);
  const auto found = std::ranges::find(charged_, tag, &std::pair<memory::Tag, Bytes>::first);
  if (found != charged_.end()) {
    give_back(tag, found->second);
    charged_.erase(found);
  }
  if (bytes == Bytes{}) return;
  if (ledger_.take_what_is_there(tag, bytes)) {
    charged_.emplace_back(tag, bytes);
  } else {
    log::warn("host", "backends keep {} on {}, which is more than its budget has room for", format_bytes(bytes),
              device.name());
  }
}

// Of the one that has just been computed on first.
void BackendAccounting::lower(const device::DeviceInfo& memory, const device::DeviceId& first, Bytes by) {
  std::vector<device::DeviceId> holders{first};
  for (const auto& [tag, bytes] : charged_) {
    if (tag.device != first && lies_in(tag.device, memory)) holders.push_back(tag.device);
  }
  for (const device::DeviceId& device : holders) {
    const Bytes held = held_on(device);
    const Bytes less = std::min(held, by);
    by -= less;
    if (less > Bytes{}) charge(device, held - less);
  }
}

std::vector<std::pair<device::DeviceId, Bytes>> BackendAccounting::charge_what_stayed(
    const std::vector<device::DeviceId>& left) {
  std::vector<std::pair<device::DeviceId, Bytes>> growth;
  const device::Meter::Reading now = meter_.read();
  for (std::size_t i = 0; i < meter_.memories().size(); ++i) {
    const device::DeviceInfo& memory = meter_.memories()[i];
    const auto there = std::ranges::find_if(devices_, [&](const device::DeviceInfo& info) {
      return !info.id.is_host() && std::ranges::contains(left, info.id) && device::share_memory(info, memory);
    });
    // There a reading is of the whole process, which grows for other reasons, too.
    if (there == devices_.end() && memory.memory_is_hosts) continue;
    const device::DeviceId whose = there == devices_.end() ? memory.id : there->id;
    const device::Growth grown = device::growth(before_[i], now[i]);
    Bytes kept = saturating_sub(grown.bytes, known_in(memory, grown.whose));
    if (kept < kNoise) kept = Bytes{};
    const Bytes held = held_in(memory);
    growth.emplace_back(whose, saturating_sub(kept, held));
    if (kept > held)
      charge(whose, held_on(whose) + (kept - held));
    else
      lower(memory, whose, held - kept);
  }
  return growth;
}

}  // namespace plimsoll::host
