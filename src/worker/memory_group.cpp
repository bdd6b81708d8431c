#include "worker/memory_group.hpp"

#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <fstream>
#include <string_view>
#include <utility>

namespace plimsoll::worker {
namespace {

namespace fs = std::filesystem;

// One write: the system takes a line as a whole or not at all.
bool write(const fs::path& file, const std::string& text) {
  std::ofstream out(file);
  out << text << std::flush;
  return out.good();
}

bool has_word(const fs::path& file, std::string_view wanted) {
  std::ifstream in(file);
  for (std::string word; in >> word;) {
    if (word == wanted) return true;
  }
  return false;
}

// systemd marks what it leaves to a unit; elsewhere groups are its own to make.
bool is_delegated(const fs::path& group) {
  std::array<char, 2> value{};
  for (const char* name : {"user.delegate", "trusted.delegate"}) {
    if (getxattr(group.c_str(), name, value.data(), value.size()) == 1 && value[0] == '1') return true;
  }
  return false;
}

}  // namespace

std::optional<fs::path> MemoryGroup::above_own(const fs::path& proc, const fs::path& hierarchy) {
  std::ifstream groups(proc / "self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    constexpr std::string_view kUnified = "0::/";
    if (!line.starts_with(kUnified) || line.size() == kUnified.size()) continue;
    const fs::path above = (hierarchy / line.substr(kUnified.size())).parent_path();
    std::error_code error;
    if (fs::exists(above / "cgroup.subtree_control", error)) return above;
  }
  return std::nullopt;
}

std::optional<fs::path> MemoryGroup::place() {
  auto above = above_own("/proc", "/sys/fs/cgroup");
  return above && is_delegated(*above) ? above : std::nullopt;
}

std::unique_ptr<MemoryGroup> MemoryGroup::create(const fs::path& place, const std::string& name) {
  const fs::path control = place / "cgroup.subtree_control";
  if (!has_word(control, "memory") && (!has_word(place / "cgroup.controllers", "memory") || !write(control, "+memory")))
    return nullptr;
  const fs::path folder = place / name;
  (void)rmdir(folder.c_str());  // of a process of the same number whose host was killed; one that is in use stays
  if (mkdir(folder.c_str(), 0755) != 0) return nullptr;
  return std::unique_ptr<MemoryGroup>(new MemoryGroup(folder));
}

MemoryGroup::~MemoryGroup() { rmdir(folder_.c_str()); }

bool MemoryGroup::add(pid_t process) const { return write(folder_ / "cgroup.procs", std::to_string(process)); }

bool MemoryGroup::limit(Bytes most) const { return write(folder_ / "memory.max", std::to_string(most.value())); }

bool MemoryGroup::has_ended_one() const {
  std::ifstream events(folder_ / "memory.events");
  std::string name;
  for (std::uint64_t count = 0; events >> name >> count;) {
    if (name == "oom_kill") return count > 0;
  }
  return false;
}

}  // namespace plimsoll::worker
