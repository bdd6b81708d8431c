// report: a sample for programs. Pure.
#pragma once
#include <nlohmann/json.hpp>

#include <plimsoll/monitor/sample.hpp>
#include "host/fleet.hpp"
#include "monitor/counters.hpp"

namespace plimsoll::monitor {

// plimsoll.status/1: docs/command-line.md#top. Bytes are integers; unknown is null. `fleet`: whose presets its models
// have; null: none.
[[nodiscard]] nlohmann::ordered_json to_json(const Sample& sample, const Counters& counters,
                                             const host::Fleet* fleet = nullptr);

}  // namespace plimsoll::monitor
