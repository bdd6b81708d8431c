// Fleets on the command line.
#pragma once
#include <string>

#include <plimsoll/host/fleet.hpp>

#include "options.hpp"

namespace plimsoll::app {

// The fleet of that file; lines of the command line come after its own, so that they count.
[[nodiscard]] host::Fleet fleet_of(const std::string& file, const ModelOptions& options);

}  // namespace plimsoll::app
