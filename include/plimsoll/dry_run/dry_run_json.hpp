// dry_run_json: dry runs and what they were asked, as JSON: between processes and in the plan cache.
#pragma once
#include <nlohmann/json.hpp>

#include <plimsoll/device/device.hpp>
#include <plimsoll/device/reading.hpp>
#include <plimsoll/dry_run/dry_run.hpp>

namespace plimsoll::dry_run {

// Every field, in a fixed order: equal requests give equal text.
[[nodiscard]] nlohmann::ordered_json to_json(const DryRunRequest& request);
// The same without what changes no byte of a dry run: threads, checks while loading.
[[nodiscard]] nlohmann::ordered_json dry_run_key(const DryRunRequest& request);
[[nodiscard]] nlohmann::ordered_json to_json(const DryRun& dry_run);
// Throw nlohmann::json::exception for text that is no such thing, Error{unsupported} for what no version of ours means
// (a stage or a type of no such name, a negative amount).
[[nodiscard]] DryRunRequest dry_run_request_from_json(const nlohmann::ordered_json& json);
[[nodiscard]] DryRun dry_run_from_json(const nlohmann::ordered_json& json);

// A device with its reading, as a dry run process sees it.
struct DeviceView {
  device::DeviceInfo info;
  device::MemoryReading reading;
};
[[nodiscard]] nlohmann::ordered_json to_json(const DeviceView& view);
[[nodiscard]] DeviceView device_view_from_json(const nlohmann::ordered_json& json);

}  // namespace plimsoll::dry_run
