// prometheus: a sample and a monitor's counters as Prometheus' text format. docs/monitoring.md lists every metric.
#pragma once
#include <string>

#include <plimsoll/monitor/counters.hpp>
#include <plimsoll/monitor/sample.hpp>

namespace plimsoll::monitor {

inline constexpr const char* kPrometheusContentType = "text/plain; version=0.0.4; charset=utf-8";

// Base units (bytes, seconds). What is unknown has no series. Pure.
[[nodiscard]] std::string to_prometheus(const Sample& sample, const Counters& counters);

}  // namespace plimsoll::monitor
