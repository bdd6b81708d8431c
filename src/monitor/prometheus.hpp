// prometheus: a sample, a monitor's counters and a host's times as Prometheus' text format. docs/monitoring.md lists
// every metric.
#pragma once
#include <map>
#include <string>

#include <plimsoll/monitor/sample.hpp>
#include "host/model_times.hpp"
#include "monitor/counters.hpp"

namespace plimsoll::monitor {

inline constexpr const char* kPrometheusContentType = "text/plain; version=0.0.4; charset=utf-8";

// Base units (bytes, seconds). What is unknown has no series. Pure.
[[nodiscard]] std::string to_prometheus(const Sample& sample, const Counters& counters,
                                        const std::map<std::string, host::ModelTimes>& times);

}  // namespace plimsoll::monitor
