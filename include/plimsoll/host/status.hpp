// HostStatus: what a host says of itself at one moment: for monitors, reports and screens. A plain value.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <plimsoll/base/error.hpp>
#include <plimsoll/host/model_state.hpp>
#include <plimsoll/plan/plan.hpp>
#include "base/clock.hpp"
#include "memory/ledger.hpp"
#include "memory/seal.hpp"

namespace plimsoll::host {

struct ModelStatus {
  std::string name;
  std::string compute_group;
  ModelState state = ModelState::absent;
  bool pinned = false;
  std::size_t slots = 0;    // leases it can give at once
  std::size_t leases = 0;   // given now
  std::size_t waiting = 0;  // requests that wait for it
  std::vector<plan::Entry> planned{};
  std::optional<Clock::TimePoint> last_used{};
  std::uint64_t loads = 0;
  std::uint64_t load_failures = 0;
  std::uint64_t evictions = 0;
  std::uint64_t refusals = 0;
  std::uint64_t tokens = 0;        // computed since the host began, prompts and answers
  double last_load_ms = 0;         // reservation to ready, the last time
  double total_load_ms = 0;        // of all loads
  std::optional<Error> failure{};  // while it is failed: with what
  memory::SealCounts seal{};       // since it was last sealed
};

struct HostStatus {
  std::vector<ModelStatus> models{};  // in the fleet's order
  std::size_t waiting = 0;            // requests without a lease yet
  std::size_t swapped_conversations = 0;
  Bytes swapped_to_memory;
  Bytes swapped_to_disk;
  Bytes kept_weights;  // of models that have gone, in host memory
  std::uint64_t events_dropped = 0;
};

}  // namespace plimsoll::host
