#include <algorithm>
#include <string>
#include <vector>

#include "files.hpp"
#include "probes.hpp"

namespace plimsoll::device {
namespace {

namespace fs = std::filesystem;

// The card whose device link ends in the PCI address.
std::optional<fs::path> card_of(const fs::path& sys, const std::string& pci_id) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(sys / "class/drm", error)) {
    const std::string name = entry.path().filename();
    if (!name.starts_with("card") || name.contains('-')) continue;
    const fs::path target = fs::weakly_canonical(entry.path() / "device", error);
    if (!error && target.filename() == pci_id) return entry.path() / "device";
  }
  return std::nullopt;
}

// Several descriptors of one client repeat its sums: count each client once.
std::optional<Bytes> vram_of_this_process(const fs::path& proc, const std::string& pci_id) {
  std::error_code error;
  std::vector<std::string> seen;
  std::optional<Bytes> sum;
  for (const auto& entry : fs::directory_iterator(proc / "self/fdinfo", error)) {
    std::ifstream file(entry.path());
    std::string client;
    bool same_device = false;
    std::optional<Bytes> vram;
    for (std::string line; std::getline(file, line);) {
      if (line.starts_with("drm-pdev:")) same_device = line.ends_with(pci_id);
      if (line.starts_with("drm-client-id:")) client = line;
      if (line.starts_with("drm-memory-vram:")) {
        if (const auto kib = number_in(std::string_view(line).substr(16))) vram = Bytes{*kib << 10};
      }
    }
    if (!same_device || !vram || std::ranges::contains(seen, client)) continue;
    seen.push_back(client);
    sum = sum.value_or(Bytes{}) + *vram;
  }
  return sum;
}

}  // namespace

std::optional<MemoryReading> AmdgpuProbe::read(const DeviceInfo& device) const {
  if (!device.pci_id || device.memory_is_hosts) return std::nullopt;
  const auto card = card_of(sys_, *device.pci_id);
  if (!card) return std::nullopt;
  const auto total = whole_file_bytes(*card / "mem_info_vram_total");
  const auto used = whole_file_bytes(*card / "mem_info_vram_used");
  if (!total || !used) return std::nullopt;
  return MemoryReading{.total = total,
                       .free = saturating_sub(*total, *used),
                       .used_by_us = vram_of_this_process(proc_, *device.pci_id),
                       .source = "amdgpu",
                       .taken_at = clock_.now()};
}

}  // namespace plimsoll::device
