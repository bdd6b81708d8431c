#include "engine/threads.hpp"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <ranges>
#include <set>
#include <sstream>
#include <string_view>
#include <thread>

#include "base/parse_number.hpp"

namespace plimsoll::engine {
namespace {

std::optional<std::string> first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  return line;
}

std::optional<std::int64_t> number(std::string_view text) { return parse_number<std::int64_t>(text); }

// The kernel's way to write processors down: "0-3,8".
std::set<int> processors_in(std::string_view list) {
  std::set<int> processors;
  for (const auto piece : std::views::split(list, ',')) {
    const std::string_view range(piece.begin(), piece.end());
    const std::size_t dash = range.find('-');
    const auto from = number(range.substr(0, dash));
    const auto to = dash == std::string_view::npos ? from : number(range.substr(dash + 1));
    if (!from || !to || *to - *from > 100'000) return {};
    for (std::int64_t processor = *from; processor <= *to; ++processor) processors.insert(static_cast<int>(processor));
  }
  return processors;
}

std::vector<int> affinity() {
  std::vector<int> processors;
  // Sized for machines beyond the 1,024 processors of the fixed set.
  constexpr std::size_t kMost = 1 << 14;
  cpu_set_t* set = CPU_ALLOC(kMost);
  if (set == nullptr) return processors;
  const std::size_t bytes = CPU_ALLOC_SIZE(kMost);
  if (sched_getaffinity(0, bytes, set) == 0) {
    for (std::size_t processor = 0; processor < kMost; ++processor) {
      if (CPU_ISSET_S(processor, bytes, set)) processors.push_back(static_cast<int>(processor));
    }
  }
  CPU_FREE(set);
  return processors;
}

// Of a chip with fast and slow cores, the fast ones: every barrier waits for the slowest.
std::vector<int> without_slow_cores(const std::string& root, std::vector<int> allowed) {
  const auto list = first_line(root + "/sys/devices/cpu_core/cpus");
  if (!list) return allowed;
  const std::set<int> fast = processors_in(*list);
  std::vector<int> chosen;
  std::ranges::copy_if(allowed, std::back_inserter(chosen), [&](int processor) { return fast.contains(processor); });
  return chosen.empty() ? allowed : chosen;
}

std::vector<std::vector<int>> cores_of(const std::string& root, const std::vector<int>& processors) {
  std::map<std::set<int>, std::vector<int>> cores;
  for (const int processor : processors) {
    const auto list =
        first_line(root + "/sys/devices/system/cpu/cpu" + std::to_string(processor) + "/topology/thread_siblings_list");
    std::set<int> siblings = list ? processors_in(*list) : std::set<int>{};
    if (siblings.empty()) siblings = {processor};
    cores[siblings].push_back(processor);
  }
  std::vector<std::vector<int>> list;
  for (auto& [siblings, core] : cores) list.push_back(std::move(core));
  return list;
}

std::optional<double> quota_v2(const std::string& folder) {
  const auto line = first_line(folder + "/cpu.max");  // "150000 100000" or "max 100000"
  if (!line) return std::nullopt;
  std::istringstream words(*line);
  std::string quota;
  std::string period;
  words >> quota >> period;
  const auto time = number(quota);
  const auto of = number(period);
  return time && of && *time > 0 && *of > 0 ? std::optional(static_cast<double>(*time) / static_cast<double>(*of))
                                            : std::nullopt;
}

std::optional<double> quota_v1(const std::string& folder) {
  const auto quota = first_line(folder + "/cpu.cfs_quota_us");  // -1: none
  const auto period = first_line(folder + "/cpu.cfs_period_us");
  const auto time = quota ? number(*quota) : std::nullopt;
  const auto of = period ? number(*period) : std::nullopt;
  return time && of && *time > 0 && *of > 0 ? std::optional(static_cast<double>(*time) / static_cast<double>(*of))
                                            : std::nullopt;
}

// The smallest of a group and everything above it. In a container the path may be the host's, which is not there.
template <class Quota>
void narrow(std::optional<double>& narrowest, const std::string& mount, std::filesystem::path group, Quota quota_of) {
  for (;; group = group.parent_path()) {
    const std::string inside = group.relative_path();
    if (const auto quota = quota_of(inside.empty() ? mount : mount + "/" + inside))
      narrowest = std::min(narrowest.value_or(*quota), *quota);
    if (inside.empty()) return;
  }
}

// Lines like "4:cpu,cpuacct:/a/b" (v1) and "0::/a/b" (v2).
std::optional<double> quota_of_groups(const std::string& root) {
  const std::string mounts = root + "/sys/fs/cgroup";
  std::optional<double> narrowest;
  std::ifstream file(root + "/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string group = line.substr(second + 1);
    if (controllers.empty()) {
      for (const std::string& mount : {mounts, mounts + "/unified"}) narrow(narrowest, mount, group, quota_v2);
    } else if (("," + controllers + ",").contains(",cpu,")) {
      for (const std::string& mount : {mounts + "/" + controllers, mounts + "/cpu"})
        narrow(narrowest, mount, group, quota_v1);
    }
  }
  return narrowest;
}

}  // namespace

ProcessorFacts read_processors(const std::string& root, const std::optional<std::vector<int>>& allowed) {
  return {.cores = cores_of(root, without_slow_cores(root, allowed.value_or(affinity()))),
          .quota = quota_of_groups(root)};
}

std::int32_t threads_for(const ProcessorFacts& processors) {
  std::size_t threads = processors.cores.size();
  if (threads == 0) threads = std::thread::hardware_concurrency();
  if (processors.quota) threads = std::min(threads, static_cast<std::size_t>(std::floor(*processors.quota)));
  return static_cast<std::int32_t>(std::max(threads, std::size_t{1}));
}

std::int32_t default_threads() {
  static const std::int32_t threads = threads_for(read_processors());
  return threads;
}

}  // namespace plimsoll::engine
