// HostStatus: what a host says of itself at one moment: for monitors, reports and screens. A plain value.
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <plimsoll/base/bytes.hpp>
#include <plimsoll/base/error.hpp>
#include <plimsoll/memory/entry.hpp>
#include <plimsoll/plan/entry.hpp>

namespace plimsoll::host {

// Where a model of a fleet is on its way between the disk and an answer.
enum class ModelState {
  absent,    // nothing of it is held, and it was never loaded to the end
  loading,   // memory is reserved; weights and context are being placed
  warming,   // every shape is being driven
  ready,     // sealed: leases are given
  draining,  // on its way out: leases go on, new ones wait
  swapped,   // its memory is given back; its conversations are kept
  failed,    // it could not be loaded, or breaks off again and again: tried again when that is due
};

[[nodiscard]] std::string_view to_string(ModelState state) noexcept;

// loading and warming may end where they came from (memory was short, the plan is made anew) or in failed; draining may
// be taken back.
[[nodiscard]] bool may_follow(ModelState from, ModelState to) noexcept;

// Its memory is held, or on its way to be.
[[nodiscard]] constexpr bool is_resident(ModelState state) noexcept {
  return state != ModelState::absent && state != ModelState::swapped && state != ModelState::failed;
}

// Of a model that computes in a process of its own.
struct ProcessStatus {
  std::int64_t pid = 0;        // 0: it has died, and is going to be started again
  std::uint64_t restarts = 0;  // since the model was loaded
  friend bool operator==(const ProcessStatus&, const ProcessStatus&) = default;
};

struct ModelStatus {
  std::string name;
  std::string compute_group;
  ModelState state = ModelState::absent;
  bool pinned = false;
  std::optional<std::chrono::milliseconds> time_to_live{};  // idle that long, it goes; empty: stays
  std::size_t slots = 0;                                    // leases it can give at once
  std::size_t leases = 0;                                   // given now
  std::size_t waiting = 0;                                  // requests that wait for it
  std::vector<plan::Entry> planned{};
  std::optional<std::chrono::system_clock::time_point> last_used{};
  std::uint64_t loads = 0;
  std::uint64_t load_failures = 0;
  std::uint64_t evictions = 0;
  std::uint64_t refusals = 0;
  std::uint64_t tokens = 0;                // computed since the host began, prompts and answers
  std::uint64_t generated = 0;             // of answers since the host began
  std::uint64_t first_tokens = 0;          // answers whose first token came
  double total_first_token_ms = 0;         // from request to first token, waiting included; of all of them
  std::optional<std::size_t> cells{};      // of its KV cache, for all sequences together; empty: it keeps none
  std::size_t cells_used = 0;              // now
  double last_load_ms = 0;                 // reservation to ready, the last time
  double total_load_ms = 0;                // of all loads
  std::optional<Error> failure{};          // while it is failed: with what
  memory::SealCounts seal{};               // since it was last sealed
  std::optional<ProcessStatus> process{};  // while it is loaded in one of its own
};

// How often the fleet was read again.
struct ReloadCounts {
  std::uint64_t applied = 0;
  std::uint64_t refused = 0;
  bool last_was_applied = true;
  std::optional<std::chrono::system_clock::time_point> last_applied{};
};

struct HostStatus {
  std::vector<ModelStatus> models{};  // in the fleet's order; then those that have left it and hold their memory still
  std::size_t waiting = 0;            // requests without a lease yet
  std::size_t swapped_conversations = 0;
  Bytes swapped_to_memory;
  Bytes swapped_to_disk;
  Bytes kept_weights;  // of models that have gone, in host memory
  std::uint64_t events_dropped = 0;
  ReloadCounts reloads{};
};

}  // namespace plimsoll::host
