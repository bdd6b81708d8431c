// Isolation: a model in a process of its own: whether, and what that process may do.
#pragma once
#include <chrono>
#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <plimsoll/base/bytes.hpp>
#include "plan/plan.hpp"

namespace plimsoll::host {

struct Fleet;

// The compute group of models with a process of their own that name none: one process computes for all of them.
inline constexpr const char* kIsolatedGroup = "isolated";

// What is empty is as the fleet says, and where that says nothing: in the host's process, 5 deaths, no limits.
struct Isolation {
  std::optional<bool> own_process{};                            // with the others of its compute group
  std::optional<std::size_t> most_deaths{};                     // within ten minutes, and it is failed; 0: never
  std::optional<std::chrono::milliseconds> most_decode_time{};  // of one batch; then the process has died
  std::optional<Bytes> most_host_memory{};                      // of the process; likewise
  // It may compute on devices of RPC servers, which makes it have a process: settled, not said.
  bool is_remote = false;
  [[nodiscard]] bool is_wanted() const noexcept { return own_process.value_or(false); }
  friend bool operator==(const Isolation&, const Isolation&) = default;
};

// As the host ends: those of which somebody waits for something, or all.
enum class ProcessesToEnd { at_work, all };

// Each model has what the fleet says where it says nothing itself, and its compute group. One that may compute on
// devices of the fleet's RPC servers has a process whatever it says: the engine ends the process when a server goes.
// Once, or again with a fleet that says more.
void settle_isolation(Fleet& fleet);

// Under whose names stands in the ledger what lies in other processes.
[[nodiscard]] std::set<std::string> isolated_owners(const Fleet& fleet);

// What their processes take, in the plans of models that have one. Plans that have it already are left as they are.
void add_processes(const Fleet& fleet, std::vector<plan::ModelPlan>& plans);
// A sentence for each, for --explain.
[[nodiscard]] std::vector<std::string> explain_processes(const Fleet& fleet);

}  // namespace plimsoll::host
