// Entry: one entry of the ledger: what one owner holds on one device, in one stage and buffer type; and the events that
// change it.
#pragma once
#include <array>
#include <chrono>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <plimsoll/base/bytes.hpp>
#include <plimsoll/device/device.hpp>

namespace plimsoll::memory {

enum class Stage {
  weights,
  kv_cache,  // attention cache and recurrent state alike
  compute,
  output,
  adapter,
  projector,      // weights and compute buffers of what reads pictures and sounds
  runtime,        // what the backend takes for itself: contexts, pools, pipelines
  conversations,  // state of sequences that is kept on the host: swapped-out conversations, kept prompts
  bookkeeping,    // logs of events and histories of samples
  staging,        // pinned memory that weights pass through on their way to a device, for as long as a load takes
};
inline constexpr std::array kStages{Stage::weights,     Stage::kv_cache,  Stage::compute, Stage::output,
                                    Stage::adapter,     Stage::projector, Stage::runtime, Stage::conversations,
                                    Stage::bookkeeping, Stage::staging};

[[nodiscard]] std::string_view to_string(Stage stage) noexcept;
[[nodiscard]] std::optional<Stage> stage_from_string(std::string_view text) noexcept;

// Whose bytes these are.
struct Tag {
  device::DeviceId device;
  std::string owner;  // a model's name, or what else keeps bytes: "group:main", "swap" (docs/glossary.md, owner)
  Stage stage = Stage::weights;
  std::string
      buffer;  // ggml's buffer type name: "Vulkan0", "Vulkan_Host", "CPU_Mapped"; empty for what ggml does not allocate

  friend auto operator<=>(const Tag&, const Tag&) = default;
};

// One counted amount. `total` is the sum of everything ever added; `peak` the largest `current` so far.
struct Counter {
  Bytes current;
  Bytes peak;
  Bytes total;
  void add(Bytes bytes);
  void remove(Bytes bytes);  // throws Error{internal} below zero
  friend bool operator==(const Counter&, const Counter&) = default;
};

struct Entry {
  Tag tag;
  Bytes planned;                  // what reservations hold for this tag
  Counter taken;                  // what is really placed
  std::uint64_t allocations = 0;  // how often something was placed
  bool charged = true;            // false: page cache, counted against no budget
  friend bool operator==(const Entry&, const Entry&) = default;
};

// Of one owner: what was asked for after its seal.
struct SealCounts {
  std::uint64_t allocations_after_seal = 0;  // let through, inside the reservation
  std::uint64_t refused_after_seal = 0;
};

enum class EventKind {
  budget_set,
  reserved,
  released,
  taken,
  given_back,
  mapped,    // page cache: shown, not charged
  unmapped,  // page cache given up
  refused,
  sealed,
  unsealed,
  seal_violation,
};

struct Event {
  std::uint64_t sequence = 0;  // from 1, without gaps
  std::chrono::system_clock::time_point at{};
  EventKind kind = EventKind::taken;
  Tag tag;  // for budget_set only the device is filled in; for sealed and unsealed only the owner
  Bytes bytes;

  friend bool operator==(const Event&, const Event&) = default;
};

// A log as a value: the ledger before the first of its events, and the events.
struct EventRecord {
  std::vector<Entry> before;  // sorted by tag; empty: nothing was dropped
  std::vector<Event> events;
  friend bool operator==(const EventRecord&, const EventRecord&) = default;
};

}  // namespace plimsoll::memory
