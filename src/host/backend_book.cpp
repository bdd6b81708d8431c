#include "backend_book.hpp"

#include <algorithm>

#include <plimsoll/base/log.hpp>

namespace plimsoll::host {
namespace {

// Below this lies the noise of the process's own allocator where the device's memory is the host's.
constexpr Bytes kNoise{std::uint64_t{2} << 20U};

std::vector<device::DeviceInfo> accelerators(std::vector<device::DeviceInfo> devices) {
  std::erase_if(devices, [](const device::DeviceInfo& info) { return info.id.is_host(); });
  return devices;
}

memory::Tag tag_of(const device::DeviceId& device) {
  return {.device = device, .owner = BackendBook::kOwner, .stage = memory::Stage::runtime, .buffer = device.name()};
}

}  // namespace

BackendBook::BackendBook(run::MemoryBooks& books, const std::vector<device::DeviceInfo>& devices)
    : books_(books), meter_(books.probe(), accelerators(devices)), before_(meter_.read()) {}

BackendBook::~BackendBook() {
  for (const auto& [tag, bytes] : booked_) books_.ledger().give_back(tag, bytes);
}

Bytes BackendBook::held_on(const device::DeviceId& device) const {
  const auto found = std::ranges::find(booked_, tag_of(device), &std::pair<memory::Tag, Bytes>::first);
  return found == booked_.end() ? Bytes{} : found->second;
}

bool BackendBook::reads_host_memory() const {
  return std::ranges::any_of(meter_.memories(), &device::DeviceInfo::memory_is_hosts);
}

// What others of us hold there, by the ledger: buffers and measured runtime.
Bytes BackendBook::known_on(const device::DeviceInfo& memory) const {
  Bytes sum;
  for (const memory::Entry& entry : books_.ledger().entries()) {
    const bool here = entry.tag.device == memory.id || (memory.memory_is_hosts && entry.tag.device.is_host());
    if (here && entry.charged && entry.tag.owner != kOwner) sum += entry.taken.current;
  }
  return sum;
}

void BackendBook::book(const device::DeviceId& device, Bytes bytes) {
  const memory::Tag tag = tag_of(device);
  const auto found = std::ranges::find(booked_, tag, &std::pair<memory::Tag, Bytes>::first);
  if (found != booked_.end()) {
    books_.ledger().give_back(tag, found->second);
    booked_.erase(found);
  }
  if (bytes == Bytes{}) return;
  if (books_.ledger().take(tag, bytes)) {
    booked_.emplace_back(tag, bytes);
  } else {
    log::warn("host", "backends keep {} on {}, which is more than its line has room for", format_bytes(bytes),
              device.name());
  }
}

std::vector<std::pair<device::DeviceId, Bytes>> BackendBook::settle() {
  std::vector<std::pair<device::DeviceId, Bytes>> growth;
  const gauge::Meter::Reading now = meter_.read();
  for (std::size_t i = 0; i < meter_.memories().size(); ++i) {
    const device::DeviceInfo& info = meter_.memories()[i];
    Bytes kept = saturating_sub(gauge::growth(before_[i], now[i]).bytes, known_on(info));
    if (kept < kNoise) kept = Bytes{};
    const auto found = std::ranges::find(booked_, tag_of(info.id), &std::pair<memory::Tag, Bytes>::first);
    growth.emplace_back(info.id, saturating_sub(kept, found == booked_.end() ? Bytes{} : found->second));
    book(info.id, kept);
  }
  return growth;
}

}  // namespace plimsoll::host
