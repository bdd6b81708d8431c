// sleep: a wait that a stop ends.
#pragma once
#include <chrono>
#include <stop_token>

namespace plimsoll {

// Waits so long; false as soon as the stop is requested.
[[nodiscard]] bool sleep_unless_stopped(std::chrono::nanoseconds time, const std::stop_token& stop);

}  // namespace plimsoll
