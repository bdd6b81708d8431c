// report: a sample for people, and for programs. Pure.
#pragma once
#include <string>

#include <nlohmann/json.hpp>

#include <plimsoll/monitor/sample.hpp>
#include "monitor/counters.hpp"

namespace plimsoll::monitor {

// A row for each device and each model, at most 100 columns wide unless names are long.
[[nodiscard]] std::string to_table(const Sample& sample);

// plimsoll.status/1: docs/command-line.md#top. Bytes are integers; unknown is null.
[[nodiscard]] nlohmann::ordered_json to_json(const Sample& sample, const Counters& counters);

}  // namespace plimsoll::monitor
