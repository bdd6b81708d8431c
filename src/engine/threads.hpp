// Threads: how many the CPU should compute with, and how they wait for one another.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace plimsoll::engine {

// What decides how many threads may compute at once.
struct ProcessorFacts {
  std::vector<std::vector<int>> cores;  // each with its processors (hardware threads) that this process may run on
  std::optional<double> quota;          // processors' worth of time that the groups of processes grant; empty: no limit
};

// Read afresh: affinity, topology, Intel's list of performance cores, cgroups v1 and v2 up to their roots. `root`
// stands before /proc and /sys, for tests. `allowed` replaces the affinity, for tests.
[[nodiscard]] ProcessorFacts read_processors(const std::string& root = "",
                                             const std::optional<std::vector<int>>& allowed = std::nullopt);

// One a core, since a core's second hardware thread makes no matrix product faster; no more than the quota pays for,
// since threads that wait for one that is paused do nothing. At least one.
[[nodiscard]] std::int32_t threads_for(const ProcessorFacts& processors);

// Where 0 threads are asked for: threads_for() of this process, read once.
[[nodiscard]] std::int32_t default_threads();

// Gives up the threads that OpenMP keeps for the calling thread after it has computed; the next computation starts them
// again. A second thread's idle pool makes the first one's wait on the kernel at every barrier, since OpenMP then
// counts more threads than processors. Does nothing where the engine's CPU backend is built without OpenMP.
void release_compute_threads() noexcept;

// How OpenMP's threads wait: they look for about as long as a barrier of a busy model takes, then sleep. Left to itself
// it looks for milliseconds, which is all of the time on a machine that has other work. OpenMP reads this when the
// process starts, so a program sets it and starts itself again. Empty where the environment says something already.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> bounded_waiting();

}  // namespace plimsoll::engine
