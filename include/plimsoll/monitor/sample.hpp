// Sample: what a host, its ledger and its devices say at one moment; Alert: what of it deserves attention. Plain
// values; unknown is absent, never 0.
#pragma once
#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <plimsoll/base/bytes.hpp>
#include <plimsoll/host/status.hpp>
#include <plimsoll/memory/entry.hpp>

namespace plimsoll::monitor {

struct DeviceSample {
  std::string device;  // ggml's name; of a card that several backends offer, that of the first
  std::string description;
  bool memory_is_hosts = false;
  std::string source;          // of the reading: "nvml+ggml"; empty: no probe knows the device
  std::optional<Bytes> total;  // as the probe reads it, everybody's use counted
  std::optional<Bytes> free;
  std::optional<Bytes> process;  // held by this process, in the ledger or not, where a probe can tell
  std::optional<Bytes> budget;
  // The ledger's, charged bytes: permitted, placed, and what counts against the budget.
  Bytes reserved;
  Bytes taken;
  Bytes committed;
  // Taken by others: total - free - ours. Ours is `process`; where that is unknown it is what the ledger has taken from
  // this memory, and what we hold beside the ledger counts as foreign.
  std::optional<Bytes> foreign;
  std::optional<Bytes> headroom;    // budget - committed; 0 at or above the budget
  std::vector<std::string> also{};  // other names of the same card, under which bytes of an owner may stand
};

// Charged bytes of one owner on one device in one stage, all buffer types together.
struct StageSample {
  std::string device;
  memory::Stage stage = memory::Stage::weights;
  Bytes planned;  // of a model: by its plan, loaded or not; of other owners: by their reservations
  Bytes taken;
  Bytes peak;  // of each buffer type, summed
};

// Whoever has entries in the ledger: a model, the compute buffers that a compute group shares ("group:main"), what
// backends keep of models that have left ("backends"), or one of the program's own (docs/monitoring.md lists them).
struct OwnerSample {
  std::string name;
  std::vector<StageSample> stages{};    // by device and stage
  std::map<std::string, Bytes> mapped;  // by device: page cache of mapped weights, charged to no budget
  memory::SealCounts seal{};            // since the process began
};

struct ModelSample {
  host::ModelStatus status;  // its `planned` is empty: see stages
  OwnerSample memory;
};

struct Sample {
  std::chrono::system_clock::time_point at{};
  std::vector<DeviceSample> devices{};
  std::vector<ModelSample> models{};  // in the fleet's order
  std::vector<OwnerSample> others{};  // owners that are no models of the fleet
  std::size_t waiting = 0;
  std::size_t swapped_conversations = 0;
  Bytes swapped_to_memory;  // as the ledger has it under the owner "swap"
  Bytes swapped_to_disk;
  Bytes kept_weights;  // of models that have gone: under the owner "kept", or under their own names
  std::uint64_t events_dropped = 0;
  host::ReloadCounts reloads{};
};

enum class AlertKind {
  threshold,  // a level of a budget was reached or left
  foreign,    // others leave less free than what is promised to our models
  drift,      // this process holds more than its ledger says, and more than it did
  seal,       // something was allocated, or refused, after a seal
  low_water,  // never was less memory free
};
inline constexpr std::array kAlertKinds{AlertKind::threshold, AlertKind::foreign, AlertKind::drift, AlertKind::seal,
                                        AlertKind::low_water};
[[nodiscard]] std::string_view to_string(AlertKind kind) noexcept;

enum class Severity { notice, warning, serious };
[[nodiscard]] std::string_view to_string(Severity severity) noexcept;

struct Alert {
  std::chrono::system_clock::time_point at{};  // of the sample
  AlertKind kind = AlertKind::threshold;
  Severity severity = Severity::notice;
  std::string device{};                                          // empty: it is about no device
  std::string model{};                                           // or another owner; empty: it is about none
  std::vector<std::pair<std::string, std::uint64_t>> numbers{};  // behind the sentence; bytes and counts
  std::string sentence{};
};

struct Margins {
  // foreign: said where free < (reserved - taken) + this; said again only once free was (reserved - taken) + twice
  // this.
  Bytes foreign{std::uint64_t{64} << 20U};
  // drift: what this process may grow beyond its ledger after the last load, eviction or alert. The host's allocator
  // alone moves some megabytes; a leaked buffer is larger.
  Bytes drift{std::uint64_t{64} << 20U};
  // low_water: said where free is below the lowest said so far by this or by 1 % of the device, whichever is more.
  Bytes low_water{std::uint64_t{64} << 20U};
};

}  // namespace plimsoll::monitor
