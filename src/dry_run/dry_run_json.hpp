// dry_run_json: dry runs and what they were asked, as JSON: between processes and in the plan cache.
#pragma once
#include <nlohmann/json_fwd.hpp>

#include "dry_run/dry_run.hpp"
#include "dry_run/dry_run_source.hpp"

namespace plimsoll::dry_run {

// Every field, in a fixed order: equal requests give equal text.
[[nodiscard]] nlohmann::ordered_json to_json(const DryRunRequest& request);
// The same without what changes no byte of a dry run: threads, checks while loading.
[[nodiscard]] nlohmann::ordered_json dry_run_key(const DryRunRequest& request);
[[nodiscard]] nlohmann::ordered_json to_json(const DryRun& dry_run);
// Throw nlohmann::json::exception for JSON of another shape, Error{unsupported} for a value that no version of ours
// writes (an unknown stage or type, a negative amount).
[[nodiscard]] DryRunRequest dry_run_request_from_json(const nlohmann::ordered_json& json);
[[nodiscard]] DryRun dry_run_from_json(const nlohmann::ordered_json& json);

[[nodiscard]] nlohmann::ordered_json to_json(const DeviceView& view);
[[nodiscard]] DeviceView device_view_from_json(const nlohmann::ordered_json& json);

}  // namespace plimsoll::dry_run
