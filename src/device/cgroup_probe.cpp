#include <algorithm>
#include <string>
#include <vector>

#include "files.hpp"
#include "probes.hpp"

namespace plimsoll::device {
namespace {

namespace fs = std::filesystem;

// A group that limits this process, and what is known of it.
struct Group {
  Bytes limit;
  std::optional<Bytes> held;  // that the kernel would not give up for the asking
};

// The paths of this process's groups: that of the unified hierarchy (v2), and that of the memory controller's own (v1).
struct Paths {
  std::optional<fs::path> unified;
  std::optional<fs::path> memory;
};

// Lines such as "0::/user.slice" and "4:cpu,memory:/docker/1f".
Paths paths_of_this_process(const fs::path& proc) {
  Paths paths;
  std::ifstream groups(proc / "self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (second == std::string::npos || line.size() < second + 2) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const fs::path path = line.substr(second + 2);  // without the slash: it goes below where groups are shown
    if (line.starts_with("0::")) paths.unified = path;
    if (controllers.contains(",memory,")) paths.memory = path;
  }
  return paths;
}

// Inside a container the path may begin with folders that are not shown there: the own group is then nearer the root.
fs::path shown_below(const fs::path& root, fs::path path) {
  std::error_code error;
  while (!path.empty() && !fs::is_directory(root / path, error)) {
    fs::path shorter;
    for (auto part = std::next(path.begin()); part != path.end(); ++part) shorter /= *part;
    path = shorter;
  }
  return path;
}

// Reading a model file fills a group with page cache: that is available, as MemAvailable counts it for the whole
// machine. Swap is not: what would have to be swapped out first is not free.
std::optional<Bytes> held_by(const fs::path& group, const char* usage, const std::string& prefix) {
  const auto current = whole_file_bytes(group / usage);
  if (!current) return std::nullopt;
  const auto cache = [&](const std::string& key) {
    return Bytes{number_field(group / "memory.stat", prefix + key).value_or(0)};
  };
  return saturating_sub(*current, cache("inactive_file ") + cache("active_file "));
}

// v2: beyond memory.max the kernel kills, beyond memory.high it lets a process wait until it has given something back.
void add_unified(const fs::path& root, const fs::path& path, std::vector<Group>& groups) {
  for (fs::path at = shown_below(root, path);; at = at.parent_path()) {
    std::optional<Bytes> limit;
    for (const char* file : {"memory.max", "memory.high"}) {
      if (const auto one = whole_file_bytes(root / at / file)) limit = std::min(limit.value_or(*one), *one);
    }
    if (limit) groups.push_back({.limit = *limit, .held = held_by(root / at, "memory.current", "")});
    if (at.empty()) return;
  }
}

// v1. A parent counts and limits what its children hold where it is told to (memory.use_hierarchy); the own group then
// knows the lowest limit on the way up, also those of groups that are not shown here.
void add_memory_controller(const fs::path& root, const fs::path& path, std::vector<Group>& groups) {
  const fs::path own = shown_below(root, path);
  for (fs::path at = own;; at = at.parent_path()) {
    const auto held = held_by(root / at, "memory.usage_in_bytes", "total_");
    if (const auto limit = whole_file_bytes(root / at / "memory.limit_in_bytes"))
      groups.push_back({.limit = *limit, .held = held});
    if (const auto above = number_field(root / at / "memory.stat", "hierarchical_memory_limit "); above && at == own)
      groups.push_back({.limit = Bytes{*above}, .held = held});
    if (at.empty() || whole_file_bytes(root / at.parent_path() / "memory.use_hierarchy") == Bytes{}) return;
  }
}

}  // namespace

std::optional<MemoryReading> CgroupProbe::read(const DeviceInfo& device) const {
  if (!device.memory_is_hosts) return std::nullopt;
  std::vector<Group> groups;
  const Paths paths = paths_of_this_process(proc_);
  std::error_code error;
  const fs::path beside_v1 = cgroup_ / "unified";  // where both are there, v2 has no memory controller, usually
  if (paths.unified) add_unified(fs::is_directory(beside_v1, error) ? beside_v1 : cgroup_, *paths.unified, groups);
  if (paths.memory) add_memory_controller(cgroup_ / "memory", *paths.memory, groups);

  // A limit above what the machine has limits nothing ("no limit" is a very large one in v1).
  const auto machine = kib_field(proc_ / "meminfo", "MemTotal:");
  if (machine) std::erase_if(groups, [&](const Group& group) { return group.limit >= *machine; });
  if (groups.empty()) return std::nullopt;

  MemoryReading reading{.total = {}, .free = {}, .used_by_us = {}, .source = "cgroup", .taken_at = clock_.now()};
  for (const Group& group : groups) {
    reading.total = std::min(reading.total.value_or(group.limit), group.limit);
    const Bytes left = saturating_sub(group.limit, group.held.value_or(Bytes{}));
    reading.free = std::min(reading.free.value_or(left), left);
  }
  // The machine may be fuller than the group.
  if (const auto available = kib_field(proc_ / "meminfo", "MemAvailable:"))
    reading.free = std::min(*reading.free, *available);
  if (!std::ranges::all_of(groups, [](const Group& group) { return group.held.has_value(); })) reading.free.reset();
  return reading;
}

}  // namespace plimsoll::device
