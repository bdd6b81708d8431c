#include "returned_memory.hpp"

#include <algorithm>
#include <optional>
#include <thread>
#include <utility>

namespace plimsoll::host {
namespace {

constexpr std::chrono::milliseconds kLook{10};

// Others take and give meanwhile: the most of it suffices.
constexpr std::int64_t kMissingPart = 8;  // of what the process held, one part in so many

std::int64_t number(Bytes bytes) { return static_cast<std::int64_t>(bytes.value()); }

std::optional<std::int64_t> used(const device::Probe& probe, const device::DeviceInfo& device) {
  const auto reading = probe.read(device);
  if (!reading || !reading->total || !reading->free) return std::nullopt;
  return number(*reading->total) - number(*reading->free);
}

std::int64_t held_by(const memory::Ledger& ledger, const std::vector<std::string>& owners,
                     const device::DeviceId& memory) {
  std::int64_t sum = 0;
  for (const std::string& owner : owners) {
    for (const memory::Entry& entry : ledger.entries_of(owner)) {
      if (entry.charged && ledger.memory_of(entry.tag.device) == memory) sum += number(entry.taken.current);
    }
  }
  return sum;
}

}  // namespace

ReturnedMemory::ReturnedMemory(const device::Probe& probe, const memory::Ledger& ledger)
    : probe_(probe), ledger_(ledger) {}

void ReturnedMemory::note(const std::vector<device::DeviceInfo>& devices) {
  std::vector<Noted> now;
  for (const device::DeviceInfo& device : devices) {
    if (device.id.is_host() || device.memory_is_hosts || device.memory() != device.id) continue;
    if (const auto in_use = used(probe_, device))
      now.push_back({.device = device, .of_others = *in_use - number(ledger_.account(device.id).taken)});
  }
  const std::lock_guard lock(mutex_);
  noted_ = std::move(now);
}

// What was in the process is charged still.
bool ReturnedMemory::is_back(const Noted& noted, const std::vector<std::string>& owners) const {
  const std::int64_t held = held_by(ledger_, owners, noted.device.memory());
  if (held == 0) return true;
  const auto in_use = used(probe_, noted.device);
  if (!in_use) return true;
  const std::int64_t ours_elsewhere = number(ledger_.account(noted.device.id).taken) - held;
  return *in_use - ours_elsewhere - noted.of_others <= held / kMissingPart;
}

bool ReturnedMemory::is_back_within(std::chrono::nanoseconds most, const std::vector<std::string>& owners) const {
  std::vector<Noted> noted;
  {
    const std::lock_guard lock(mutex_);
    noted = noted_;
  }
  const auto until = std::chrono::steady_clock::now() + most;
  for (;;) {
    if (std::ranges::all_of(noted, [&](const Noted& one) { return is_back(one, owners); })) return true;
    if (std::chrono::steady_clock::now() >= until) return false;
    std::this_thread::sleep_for(kLook);
  }
}

}  // namespace plimsoll::host
