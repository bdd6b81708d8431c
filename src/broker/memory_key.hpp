// MemoryKey: which memory is meant, whatever backend offers it and whatever number it has in a process.
#pragma once
#include <string>

namespace plimsoll::broker {

// Of a card: its PCI address ("0000:c1:00.0", lower case, four digits of domain) and, where the driver tells it, the
// UUID, which tells slices of one card apart. Of the host's memory, llvmpipe and integrated GPUs included: host_key().
struct MemoryKey {
  std::string pci{};
  std::string uuid{};
  std::string name{};  // where neither is known: "host", or ggml's name of the device; else for people only
  friend bool operator==(const MemoryKey&, const MemoryKey&) = default;
};

[[nodiscard]] inline MemoryKey host_key() { return {.pci = {}, .uuid = {}, .name = "host"}; }

// Whether bytes of one are bytes of the other: by UUID where both tell it, else by PCI address, else by name.
[[nodiscard]] inline bool same_memory(const MemoryKey& a, const MemoryKey& b) {
  if (!a.uuid.empty() && !b.uuid.empty()) return a.uuid == b.uuid;
  if (!a.pci.empty() && !b.pci.empty()) return a.pci == b.pci;
  return a.pci.empty() && b.pci.empty() && a.uuid.empty() && b.uuid.empty() && a.name == b.name;
}

}  // namespace plimsoll::broker
