#include <plimsoll/host/fleet.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace plimsoll::host {

std::vector<std::string> contradictions(const Fleet& fleet) {
  std::vector<std::string> out;
  if (fleet.models.empty()) out.emplace_back("there is no model in this fleet");
  std::set<std::string> names;
  for (const FleetModel& model : fleet.models) {
    const std::string& name = model.request.name;
    if (name.empty()) out.emplace_back("a model has no name");
    if (name.contains(':')) out.push_back(fmt::format("the name '{}' has a colon; those are names of our own", name));
    if (!names.insert(name).second) out.push_back(fmt::format("two models are called '{}'", name));
    if (model.request.survey.model.path.empty()) out.push_back(fmt::format("'{}' has no file", name));
    if (model.time_to_live && model.pinned)
      out.push_back(fmt::format("'{}' is pinned, so it cannot have a time to live", name));
  }
  const Thresholds& at = fleet.thresholds;
  if (!(at.warn > 0 && at.warn <= at.high && at.high <= 1))
    out.emplace_back("the thresholds must rise: 0 < warn <= high <= 100%");
  return out;
}

}  // namespace plimsoll::host
