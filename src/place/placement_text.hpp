// placement_text: a placement as text for people, and as JSON, schema "plimsoll.placement/1".
#pragma once
#include <nlohmann/json_fwd.hpp>

#include <string>
#include <vector>

#include "place/placement.hpp"

namespace plimsoll::place {

// A row for each node and device with what is taken of it, below it what is placed there; then what has no place, with
// the ways out.
[[nodiscard]] std::string to_table(const Cluster& cluster, const Placement& placement);
[[nodiscard]] nlohmann::ordered_json to_json(const Cluster& cluster, const Placement& placement);

// What an earlier placement's JSON says is placed where. Throws Error{usage} where it is not a placement.
[[nodiscard]] std::vector<Placed> placed_of_json(const std::string& text);

}  // namespace plimsoll::place
