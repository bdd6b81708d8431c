// Plan: what a set of models would take, entry by entry, and whether the devices can hold it. Values, and pure
// functions of them: no engine, no GPU and no clock.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <plimsoll/base/error.hpp>
#include <plimsoll/device/device.hpp>
#include <plimsoll/memory/budget.hpp>
#include <plimsoll/plan/entry.hpp>
#include "dry_run/dry_run.hpp"
#include "memory/ledger.hpp"
#include "plan/runtime_request.hpp"

namespace plimsoll::plan {

// One model as asked for.
struct Request {
  std::string name;
  dry_run::DryRunRequest dry_run;
  std::string compute_group{};  // models of one compute group take turns and share compute buffers; empty: has its own
  // Whose weights it computes with, one of the same plan or one that is open already: only what it takes beside them
  // counts, and it lies where they do. Empty: its own.
  std::string weights_of{};
  // What backends take for themselves for it, where that is known: overrules estimates and earlier measurements, and
  // what is said for all models (PlannerOptions::runtime).
  std::vector<RuntimeRequest> runtime{};
  friend bool operator==(const Request&, const Request&) = default;
};

struct ModelPlan {
  std::string name;
  dry_run::DryRunRequest request;
  dry_run::DryRun dry_run;
  // The dry run's entries, one runtime entry per device that computes, and what the model takes of the host beside them
  // (cells_entry.hpp, process_entry.hpp).
  std::vector<Entry> entries;
  std::string compute_group{};
  std::string weights_of{};         // as in its request
  std::optional<Error> unusable{};  // why nothing is known of it: it takes nothing here, and cannot be loaded so
  // dry_run::files_of its request before it was planned; empty: not by a planner. Where they are others now, this is
  // the plan of something else.
  std::optional<std::string> files{};
  friend bool operator==(const ModelPlan&, const ModelPlan&) = default;
};

// One device as found, before anything of this plan is placed.
struct DeviceState {
  device::DeviceInfo info;
  device::MemoryReading reading;
  std::optional<memory::Budget> budget;
  Bytes ours;                  // committed there already
  Bytes promised_to_others{};  // by the machine's ledger, and not taken yet: not in the reading's `free`
  Bytes held_back{};           // nor is this, which is free: others have reserved what a shared budget allows
  friend bool operator==(const DeviceState&, const DeviceState&) = default;
};

// What refuses. host: the device's memory is the host's, and together the two need more than the host has free. shared:
// the budget is shared with other processes, and they have reserved too much of it.
enum class Limit { budget, free, host, shared };
[[nodiscard]] std::string_view to_string(Limit limit) noexcept;

struct DeviceVerdict {
  DeviceState state;
  // Charged entries of all models; of a compute group's compute buffers, the largest. Devices that share a card's
  // memory have the same number: what is wanted of all of them together.
  Bytes required;
  Bytes short_by;
  std::optional<Limit> limit;  // empty: it fits
  Bytes estimated{};           // of what is required: rules of thumb that a measurement may replace
  Bytes over_budget{};         // beyond what our budget leaves, whatever is free; see refusal.hpp
  // Of `required` and `estimated` what stands under this device's own name; the rest is of those that share its card.
  Bytes own_required{};
  Bytes own_estimated{};
  [[nodiscard]] bool fits() const noexcept { return !limit.has_value(); }
  // It would fit if the estimated entries were 0: a measurement or the caller's own figure may make it fit.
  [[nodiscard]] bool stands_on_estimate() const noexcept { return !fits() && short_by <= estimated; }
  friend bool operator==(const DeviceVerdict&, const DeviceVerdict&) = default;
};

[[nodiscard]] bool all_fit(const std::vector<DeviceVerdict>& verdicts) noexcept;
[[nodiscard]] std::vector<device::DeviceInfo> infos_of(const std::vector<DeviceVerdict>& verdicts);

// One parameter that an alternative changes, as text: {"type_k", "f16", "q8_0"}.
struct Change {
  std::string param;
  std::string from;
  std::string to;
  friend bool operator==(const Change&, const Change&) = default;
};

// A configuration near the one asked for that would fit, as a dry run of it says. With several models, the flags apply
// to all of them.
struct Alternative {
  std::vector<std::string> flags;  // what to add to the command line
  std::vector<Change> changes;
  std::string cost;                              // what it gives up, in words
  std::vector<dry_run::DryRunRequest> requests;  // one a model, in the plan's order
  std::vector<std::pair<device::DeviceId, Bytes>> required;
  friend bool operator==(const Alternative&, const Alternative&) = default;
};

struct Plan {
  std::vector<ModelPlan> models;
  std::vector<DeviceVerdict> devices;
  std::vector<Alternative> alternatives;  // nearest first, at most three; only where the plan is refused
  std::vector<std::string> explanation;   // how each number came about, for --explain
  [[nodiscard]] bool fits() const noexcept;
  // Refused, and nothing but estimated entries stands in the way, on any device.
  [[nodiscard]] bool stands_on_estimates() const noexcept;
  friend bool operator==(const Plan&, const Plan&) = default;
};

// On the plan's devices. Models that do not fit together can then take turns. Pure.
[[nodiscard]] bool each_fits_alone(const Plan& plan);

// What the runtime stage of a model is expected to take on a device.
struct RuntimeFigure {
  Bytes bytes;
  Source source = Source::estimated;
  friend bool operator==(const RuntimeFigure&, const RuntimeFigure&) = default;
};

// The entries of one model: the dry run's, exact, and a runtime entry per computing device; without weights that are
// another's. Pure.
[[nodiscard]] ModelPlan lay_out(const Request& request, const dry_run::DryRun& dry_run,
                                const std::vector<std::pair<device::DeviceId, RuntimeFigure>>& runtime);

// The devices that compute for this dry run: accelerators with charged entries, else the host.
[[nodiscard]] std::vector<device::DeviceId> computing_devices(const dry_run::DryRun& dry_run);

// Of the runtime stage: a backend's own, which a warm-up measures. The others are the host's.
[[nodiscard]] bool is_backends_runtime(const Entry& entry) noexcept;

// Compute bytes of one compute group's models, by device and buffer type: of each, the largest model's. Pure.
[[nodiscard]] std::map<std::pair<device::DeviceId, std::string>, Bytes> compute_buffers_of(
    const std::string& compute_group, const std::vector<ModelPlan>& models);

// What stands under a device's own name for these models together. Pure.
[[nodiscard]] Bytes required_on(const device::DeviceId& device, const std::vector<ModelPlan>& models);

// What the card of that device must hold for them: the same over all of `devices` that have its memory. Pure.
[[nodiscard]] Bytes required_in_memory_of(const device::DeviceInfo& device, const std::vector<DeviceState>& devices,
                                          const std::vector<ModelPlan>& models);

// One verdict for each memory: of devices that share a card, the one with most under its own name, so that a sum over
// them counts a card once. Pure.
[[nodiscard]] std::vector<DeviceVerdict> one_of_each_memory(const std::vector<DeviceVerdict>& verdicts);

// Admission: for each device, required against min(budget - ours, free); where a device's memory is the host's, the two
// together against the host's free memory as well. Pure.
[[nodiscard]] std::vector<DeviceVerdict> admit(const std::vector<ModelPlan>& models,
                                               const std::vector<DeviceState>& devices);

// As admit(), but where only estimated entries stand in the way, their sum is added to the device's budget and free
// memory: a calibration goes beyond them to find the true figure. Pure.
[[nodiscard]] std::vector<DeviceVerdict> admit_beyond_estimates(const std::vector<ModelPlan>& models,
                                                                std::vector<DeviceState> devices);

// The charged entries as a reservation asks for them, under the model's name.
[[nodiscard]] std::vector<memory::Ledger::PlannedEntry> reservation_entries(const ModelPlan& model);

}  // namespace plimsoll::plan
