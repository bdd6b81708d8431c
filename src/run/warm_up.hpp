// Warm-up: drives a context through every shape that may make a backend take memory, until nothing grows any more.
#pragma once
#include "device/meter.hpp"
#include "engine/context.hpp"
#include "run/warm_up_report.hpp"

namespace plimsoll::run {

// A context of ours: see warm_up() of a WarmUpTarget (warm_up_target.hpp).
[[nodiscard]] WarmUpReport warm_up(engine::Context& context, const device::Meter& meter, const WarmUpOptions& options);

}  // namespace plimsoll::run
