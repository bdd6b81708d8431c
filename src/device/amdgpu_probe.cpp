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

struct OwnUse {
  bool is_client = false;  // this process has opened the card
  std::optional<Bytes> vram;
};

// Several descriptors of one client repeat its sums: count each client once.
OwnUse vram_of_this_process(const fs::path& descriptors, const std::string& pci_id) {
  std::error_code error;
  std::vector<std::string> seen;
  OwnUse own;
  for (const auto& entry : fs::directory_iterator(descriptors, error)) {
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
    own.is_client = own.is_client || same_device;
    if (!same_device || !vram || std::ranges::contains(seen, client)) continue;
    seen.push_back(client);
    own.vram = own.vram.value_or(Bytes{}) + *vram;
  }
  return own;
}

}  // namespace

std::optional<MemoryReading> AmdgpuProbe::read(const DeviceInfo& device) const {
  if (!device.pci_id || device.memory_is_hosts) return std::nullopt;
  const auto card = card_of(sys_, *device.pci_id);
  if (!card) return std::nullopt;
  const auto total = whole_file_bytes(*card / "mem_info_vram_total");
  const auto used = whole_file_bytes(*card / "mem_info_vram_used");
  if (!total || !used) return std::nullopt;
  MemoryReading reading{.total = total,
                        .free = saturating_sub(*total, *used),
                        .used_by_us = {},
                        .source = "amdgpu",
                        .taken_at = clock_.now()};
  const fs::path descriptors = proc_ / "self/fdinfo";
  const OwnUse own = vram_of_this_process(descriptors, *device.pci_id);
  std::error_code error;
  reading.used_by_us = own.vram;
  // An older kernel may list a client without saying what it holds: that is not to be no client.
  reading.unlisted = !own.is_client && fs::is_directory(descriptors, error);
  return reading;
}

}  // namespace plimsoll::device
