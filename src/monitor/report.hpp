// report: a sample for people, and for programs. Pure.
#pragma once
#include <string>

#include <nlohmann/json.hpp>

#include <plimsoll/monitor/sample.hpp>
#include "host/fleet.hpp"
#include "monitor/counters.hpp"

namespace plimsoll::monitor {

// A row for each device and each model, at most 140 columns wide unless names are long.
[[nodiscard]] std::string to_table(const Sample& sample, const Counters& counters);

// plimsoll.status/1: docs/command-line.md#top. Bytes are integers; unknown is null. `fleet`: whose presets its models
// have; null: none.
[[nodiscard]] nlohmann::ordered_json to_json(const Sample& sample, const Counters& counters,
                                             const host::Fleet* fleet = nullptr);

}  // namespace plimsoll::monitor
