// fake_machine: the files of /proc and /sys as some machine would show them, and the devices that probes are asked
// about.
#pragma once
#include <string>

#include <plimsoll/device/device.hpp>
#include <temporary_folder.hpp>

namespace plimsoll::device {

[[nodiscard]] inline DeviceInfo host_device() {
  DeviceInfo info;
  info.id = host();
  info.memory_is_hosts = true;
  return info;
}

[[nodiscard]] inline DeviceInfo card(const std::string& pci_id) {
  DeviceInfo info;
  info.id = DeviceId{"Vulkan0"};
  info.type = DeviceType::gpu;
  info.pci_id = pci_id;
  return info;
}

class FakeMachine {
 public:
  [[nodiscard]] std::string proc() const { return folder_ / "proc"; }
  [[nodiscard]] std::string sys() const { return folder_ / "sys"; }
  [[nodiscard]] std::string cgroup() const { return folder_ / "sys/fs/cgroup"; }

  void meminfo_kib(std::uint64_t total, std::uint64_t available) const {
    write("proc/meminfo", "MemTotal:       " + std::to_string(total) +
                              " kB\nMemFree:        1 kB\nMemAvailable:   " + std::to_string(available) + " kB\n");
  }
  // One group's files; empty text: no such file.
  void group(const std::string& path, const std::string& limit, const std::string& current,
             const std::string& stat = {}) const {
    const std::string base = "sys/fs/cgroup/" + path + "/memory.";
    if (!limit.empty()) write(base + "max", limit + "\n");
    if (!current.empty()) write(base + "current", current + "\n");
    if (!stat.empty()) write(base + "stat", stat);
  }
  // The same of cgroup v1's memory controller.
  void memory_group(const std::string& path, const std::string& limit, const std::string& usage,
                    const std::string& stat = {}, const std::string& use_hierarchy = "1") const {
    const std::string base = "sys/fs/cgroup/memory/" + path + "/memory.";
    write(base + "limit_in_bytes", limit + "\n");
    if (!usage.empty()) write(base + "usage_in_bytes", usage + "\n");
    if (!stat.empty()) write(base + "stat", stat);
    write(base + "use_hierarchy", use_hierarchy + "\n");
  }
  // A card as amdgpu shows it: a link to the PCI device that holds the counters.
  void amd_card(const std::string& name, const std::string& pci_id, const std::string& total,
                const std::string& used) const {
    const std::string device = "sys/devices/pci0000:00/" + pci_id;
    write(device + "/vendor", "0x1002\n");
    if (!total.empty()) write(device + "/mem_info_vram_total", total + "\n");
    if (!used.empty()) write(device + "/mem_info_vram_used", used + "\n");
    std::filesystem::create_directories(folder_ / ("sys/class/drm/" + name));
    std::filesystem::create_directory_symlink(folder_ / device, folder_ / ("sys/class/drm/" + name + "/device"));
  }
  void write(const std::string& name, const std::string& text) const { folder_.write(name, text); }

 private:
  test::TemporaryFolder folder_;
};

}  // namespace plimsoll::device
