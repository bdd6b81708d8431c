// ReloadReport: what came of reading a fleet again.
#pragma once
#include <string>
#include <vector>

#include "host/fleet_difference.hpp"
#include "plan/plan.hpp"

namespace plimsoll::host {

// Why a fleet was not taken over; of one that was: what is wrong with a model of it all the same.
struct ReloadReason {
  std::string place{};  // "fleet.toml:12:1"; empty: it is about no place of a file
  std::string model{};  // empty: it is about the whole fleet
  std::string sentence;
  std::vector<plan::Alternative> alternatives{};  // of a model that does not fit: what would
};

struct ReloadReport {
  bool applied = false;              // false: nothing was changed
  FleetDifference difference{};      // of what was read; nothing where it could not be
  std::vector<std::string> later{};  // settings that count from the next start on
  std::vector<ReloadReason> reasons{};
  double ms = 0;
};

}  // namespace plimsoll::host
