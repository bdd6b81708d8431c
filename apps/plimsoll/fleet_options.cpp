#include "fleet_options.hpp"

#include <plimsoll/host/fleet_file.hpp>

namespace plimsoll::app {

host::Fleet fleet_of(const std::string& file, const ModelOptions& options) {
  host::Fleet fleet = host::read_fleet(file);
  const auto lines = planner_options(options).lines;
  fleet.lines.insert(fleet.lines.end(), lines.begin(), lines.end());
  return fleet;
}

}  // namespace plimsoll::app
