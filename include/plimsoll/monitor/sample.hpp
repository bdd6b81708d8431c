// Sample: what a host, its ledger and its devices say at one moment. A plain value; unknown is absent, never 0.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <plimsoll/device/device.hpp>
#include <plimsoll/device/reading.hpp>
#include <plimsoll/host/status.hpp>
#include "base/clock.hpp"
#include "host/host.hpp"
#include "memory/ledger.hpp"
#include "memory/seal.hpp"

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

// Whoever has entries in the ledger: a model, the compute buffers that a compute group shares ("group:main"),
// "backends", "swap", "prompts", "vocabularies", "records".
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
  Clock::TimePoint at{};
  std::vector<DeviceSample> devices{};
  std::vector<ModelSample> models{};  // in the fleet's order
  std::vector<OwnerSample> others{};  // owners that are no models of the fleet
  std::size_t waiting = 0;
  std::size_t swapped_conversations = 0;
  Bytes swapped_to_memory;  // as the ledger has it under the owner "swap"
  Bytes swapped_to_disk;
  std::uint64_t events_dropped = 0;
};

// What a sample is made of, as it was read.
struct ObservedDevice {
  device::DeviceInfo info;
  std::optional<device::MemoryReading> reading;
  memory::DeviceAccount account;
};
struct Observed {
  Clock::TimePoint at{};
  host::HostStatus status;
  std::vector<ObservedDevice> devices;
  std::vector<memory::Entry> entries;
  std::map<std::string, memory::SealCounts> seals;  // by owner
};
[[nodiscard]] Sample sample_of(Observed observed);  // pure

// Reads the host, its accounting and each device once. Any thread. Throws what the probes and the host throw.
[[nodiscard]] Sample take_sample(host::Host& host);
// The same for callers that sample often and keep the devices, which do not change.
[[nodiscard]] Sample take_sample(host::Host& host, const std::vector<device::DeviceInfo>& devices);
[[nodiscard]] std::vector<device::DeviceInfo> devices_of(const host::Host& host);

// That field, summed over all devices that have the same memory as this one: those of the host are one memory. (A card
// is one device here, whatever backends offer it.)
[[nodiscard]] Bytes in_same_memory(const Sample& sample, const DeviceSample& device, Bytes DeviceSample::* field);

// What it takes of the heap, about: the same for equal samples.
[[nodiscard]] Bytes size_of(const Sample& sample);

[[nodiscard]] Bytes taken_by(const OwnerSample& owner);  // on all devices

// Between two samples. Empty: no time has passed, or the model is in only one of them.
[[nodiscard]] std::optional<double> tokens_per_second(const Sample& before, const Sample& after,
                                                      const std::string& model);

}  // namespace plimsoll::monitor
