#include "graphics_cards.hpp"

#include <fmt/format.h>
#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>

#include "is_there.hpp"

namespace plimsoll::app {
namespace {

namespace fs = std::filesystem;

struct Vendor {
  const char* id;  // PCI's
  const char* name;
  std::array<const char*, 2> manifests;  // what the names of its Vulkan manifests have in them
  const char* package;                   // of Debian; that of others is called alike
};
constexpr std::array kVendors{
    Vendor{.id = "0x1002", .name = "AMD", .manifests = {"radeon", "amd"}, .package = "mesa-vulkan-drivers"},
    Vendor{.id = "0x8086", .name = "Intel", .manifests = {"intel", "anv"}, .package = "mesa-vulkan-drivers"},
    Vendor{.id = "0x10de", .name = "NVIDIA", .manifests = {"nvidia", "nouveau"}, .package = "nvidia-driver"}};

std::string first_line(const fs::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// Which group may open it, where this process may not.
std::string why_closed(const fs::path& node) {
  struct stat facts{};
  if (stat(node.c_str(), &facts) != 0)
    return fmt::format("there is no {}: a container must be given it", node.string());
  if (access(node.c_str(), R_OK | W_OK) == 0) return {};
  const group* owner = getgrgid(facts.st_gid);
  const std::string name = owner == nullptr ? std::to_string(facts.st_gid) : owner->gr_name;
  return fmt::format("this user may not open {}: it is open to the group '{}'", node.string(), name);
}

std::string why_no_driver(const Vendor& vendor, const std::vector<VulkanDriver>& drivers) {
  std::string problems;
  for (const VulkanDriver& driver : drivers) {
    const std::string name = fs::path(driver.file).filename();
    if (std::ranges::none_of(vendor.manifests, [&](const char* part) { return name.contains(part); })) continue;
    if (driver.problem.empty()) return {};
    problems += fmt::format("; {}: {}", driver.file, driver.problem);
  }
  if (problems.empty())
    return fmt::format("no Vulkan driver for {} is installed (Debian: {})", vendor.name, vendor.package);
  return fmt::format("its Vulkan driver cannot be loaded{}", problems);
}

std::string vendors_name(const std::string& id) {
  const auto found = std::ranges::find(kVendors, id, &Vendor::id);
  return found == kVendors.end() ? id : found->name;
}

std::string problem_of(const std::string& id, const fs::path& node, const std::vector<VulkanDriver>& drivers) {
  if (std::string closed = why_closed(node); !closed.empty()) return closed;
  const auto vendor = std::ranges::find(kVendors, id, &Vendor::id);
  return vendor == kVendors.end() ? std::string() : why_no_driver(*vendor, drivers);
}

// NVIDIA's own kernel module has nodes of its own; those of DRM may be missing (containers).
GraphicsCard nvidias(const fs::path& root, const std::vector<VulkanDriver>& drivers) {
  GraphicsCard card{.node = {}, .vendor = "NVIDIA", .driver = "nvidia", .problem = {}};
  card.problem = problem_of("0x10de", root / "dev/nvidiactl", drivers);
  if (card.problem.contains("is installed"))
    card.problem += "; a container needs NVIDIA_DRIVER_CAPABILITIES=all, or at least compute, utility and graphics";
  return card;
}

}  // namespace

std::vector<GraphicsCard> graphics_cards(const fs::path& root, const std::vector<VulkanDriver>& drivers) {
  std::vector<GraphicsCard> cards;
  std::error_code error;
  bool nvidia = false;
  for (const auto& entry : fs::directory_iterator(root / "sys/class/drm", error)) {
    const std::string node = entry.path().filename();
    if (!node.starts_with("renderD")) continue;
    const std::string id = first_line(entry.path() / "device/vendor");
    std::error_code unread;
    const std::string driver = fs::read_symlink(entry.path() / "device/driver", unread).filename();
    nvidia = nvidia || driver == "nvidia";
    cards.push_back({.node = node,
                     .vendor = vendors_name(id),
                     .driver = driver,
                     .problem = problem_of(id, root / "dev/dri" / node, drivers)});
  }
  std::ranges::sort(cards, {}, &GraphicsCard::node);
  if (!nvidia && is_there(root / "dev/nvidiactl")) cards.push_back(nvidias(root, drivers));
  return cards;
}

}  // namespace plimsoll::app
