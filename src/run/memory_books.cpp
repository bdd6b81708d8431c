#include <plimsoll/run/memory_books.hpp>

#include <algorithm>

namespace plimsoll::run {

MemoryBooks::MemoryBooks() : probe_(device::make_system_probes(clock_)) { gauge_.start(); }

MemoryBooks::~MemoryBooks() { gauge_.stop(); }

void MemoryBooks::set_lines(const std::vector<plan::DeviceVerdict>& devices) {
  for (const plan::DeviceVerdict& verdict : devices) {
    const auto& line = verdict.state.line;
    ledger_.set_line(verdict.state.info.id, line ? std::optional(line->bytes) : std::nullopt);
  }
}

std::vector<std::pair<device::DeviceId, Bytes>> MemoryBooks::committed() const {
  std::vector<std::pair<device::DeviceId, Bytes>> out;
  for (const memory::Entry& entry : ledger_.entries()) {
    const auto known = [&](const auto& pair) { return pair.first == entry.tag.device; };
    if (std::ranges::any_of(out, known)) continue;
    out.emplace_back(entry.tag.device, ledger_.account(entry.tag.device).committed);
  }
  return out;
}

}  // namespace plimsoll::run
