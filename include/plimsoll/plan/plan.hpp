// Plan: what a set of models would take, line by line, and whether the devices can hold it. A value: made by pure
// functions from dry runs and readings; it can be printed, compared, stored and tested with neither engine nor GPU.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <plimsoll/base/error.hpp>
#include <plimsoll/dry_run/dry_run.hpp>
#include <plimsoll/dry_run/dry_run_json.hpp>
#include <plimsoll/memory/budget.hpp>
#include <plimsoll/memory/ledger.hpp>

namespace plimsoll::plan {

// Where a number comes from. exact: the engine's own arithmetic. measured: seen in this process. calibrated: measured
// earlier, on this device with this driver and engine, for this model and configuration. estimated: a rule of thumb.
// given: said by the caller (--runtime).
enum class Source { exact, measured, calibrated, estimated, given };
[[nodiscard]] std::string_view to_string(Source source) noexcept;

struct Entry {
  device::DeviceId device;
  std::string buffer;
  memory::Stage stage = memory::Stage::weights;
  Bytes bytes;
  Source source = Source::exact;
  bool charged = true;  // false: page cache, shown but counted against no budget
  friend bool operator==(const Entry&, const Entry&) = default;
};

// One model as asked for.
struct Request {
  std::string name;
  dry_run::DryRunRequest dry_run;
  std::string compute_group{};  // models of one compute group take turns and share compute buffers; empty: has its own
};

struct ModelPlan {
  std::string name;
  dry_run::DryRunRequest request;
  dry_run::DryRun dry_run;
  std::vector<Entry> entries;  // the dry run's entries and one runtime entry per device that computes
  std::string compute_group{};
  std::optional<Error> unusable{};  // why nothing is known of it: it takes nothing here, and cannot be loaded so
};

// One device as found, before anything of this plan is placed.
struct DeviceState {
  device::DeviceInfo info;
  device::MemoryReading reading;
  std::optional<memory::Budget> budget;
  Bytes ours;  // committed there already
};

// What refuses. host: the device's memory is the host's, and together the two need more than the host has free.
enum class Limit { budget, free, host };
[[nodiscard]] std::string_view to_string(Limit limit) noexcept;

struct DeviceVerdict {
  DeviceState state;
  // Charged budgets of all models; of the compute buffers of a compute group, the largest. Devices that share a card's
  // memory are required to hold the same: what is wanted of all of them.
  Bytes required;
  Bytes short_by;
  std::optional<Limit> limit;  // empty: it fits
  Bytes estimated{};           // of what is required: rules of thumb
  Bytes over_budget{};         // beyond what our budget leaves, whatever is free; what kind of no this is: refusal.hpp
  // Of `required` and `estimated` what stands under this device's own name; the rest is of those that share its card.
  Bytes own_required{};
  Bytes own_estimated{};
  [[nodiscard]] bool fits() const noexcept { return !limit.has_value(); }
  // It would fit if the rules of thumb were nothing: a measurement, or who knows better, may say yes.
  [[nodiscard]] bool stands_on_estimate() const noexcept { return !fits() && short_by <= estimated; }
};

// One parameter that an alternative changes, as text: {"type_k", "f16", "q8_0"}.
struct Change {
  std::string param;
  std::string from;
  std::string to;
};

// A configuration near the one asked for that would fit; tried by a dry run, not guessed. Of several models, one that
// all of them take: flags hold for all.
struct Alternative {
  std::vector<std::string> flags;  // what to add to the command line
  std::vector<Change> changes;
  std::string cost;                              // what it gives up, in words
  std::vector<dry_run::DryRunRequest> requests;  // one a model, in the plan's order
  std::vector<std::pair<device::DeviceId, Bytes>> required;
};

struct Plan {
  std::vector<ModelPlan> models;
  std::vector<DeviceVerdict> devices;
  std::vector<Alternative> alternatives;  // nearest first, at most three; only where the plan is refused
  std::vector<std::string> explanation;   // how each number came about, for --explain
  [[nodiscard]] bool fits() const noexcept;
  // Refused, and nothing but estimated entries stands in the way, on any device.
  [[nodiscard]] bool stands_on_estimates() const noexcept;
};

// On the plan's devices. Models that do not fit together can then take turns. Pure.
[[nodiscard]] bool each_fits_alone(const Plan& plan);

// What the runtime stage of a model is expected to take on a device.
struct RuntimeFigure {
  Bytes bytes;
  Source source = Source::estimated;
};

// The entries of one model: the dry run's, exact, and a runtime entry per computing device. Pure.
[[nodiscard]] ModelPlan lay_out(const Request& request, const dry_run::DryRun& dry_run,
                                const std::vector<std::pair<device::DeviceId, RuntimeFigure>>& runtime);

// The devices that compute for this dry run: accelerators with charged entries, else the host.
[[nodiscard]] std::vector<device::DeviceId> computing_devices(const dry_run::DryRun& dry_run);

// Compute bytes of one compute group's models, by device and buffer type: of each, the largest model's. Pure.
[[nodiscard]] std::map<std::pair<device::DeviceId, std::string>, Bytes> compute_buffers_of(
    const std::string& compute_group, const std::vector<ModelPlan>& models);

// What stands under a device's own name for these models together. Pure.
[[nodiscard]] Bytes required_on(const device::DeviceId& device, const std::vector<ModelPlan>& models);

// What the card of that device must hold for them: the same over all of `devices` that have its memory. Pure.
[[nodiscard]] Bytes required_in_memory_of(const device::DeviceInfo& device, const std::vector<DeviceState>& devices,
                                          const std::vector<ModelPlan>& models);

// One verdict for each memory: of devices that share a card that of the one with most under its own name. For whoever
// says or sums up what is wanted; a card is not wanted twice. Pure.
[[nodiscard]] std::vector<DeviceVerdict> one_of_each_memory(const std::vector<DeviceVerdict>& verdicts);

// Admission: for each device, required against min(budget - ours, free); where a device's memory is the host's, the two
// together against the host's free memory as well. Pure.
[[nodiscard]] std::vector<DeviceVerdict> admit(const std::vector<ModelPlan>& models,
                                               const std::vector<DeviceState>& devices);

// As admit(), but where only estimated entries stand in the way, what they are is added to budget and free memory of
// the device: a calibration may go beyond them by that, to find out. Pure.
[[nodiscard]] std::vector<DeviceVerdict> admit_beyond_estimates(const std::vector<ModelPlan>& models,
                                                                std::vector<DeviceState> devices);

// The budgets as a reservation asks for them: charged ones, under the model's name.
[[nodiscard]] std::vector<memory::Ledger::PlannedEntry> reservation_entries(const ModelPlan& model);

}  // namespace plimsoll::plan
