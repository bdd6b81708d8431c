// plan_json: a plan as the JSON of the command line, schema "plimsoll.plan/1".
#pragma once
#include <nlohmann/json_fwd.hpp>

#include "plan/plan.hpp"

namespace plimsoll::tracker {
enum class Mode;
}

namespace plimsoll::plan {

// Bytes are integers; what is not known is null.
[[nodiscard]] nlohmann::ordered_json to_json(const Plan& plan, tracker::Mode tracker);
[[nodiscard]] nlohmann::ordered_json to_json(const Entry& entry);
[[nodiscard]] nlohmann::ordered_json to_json(const std::vector<Alternative>& alternatives);

}  // namespace plimsoll::plan
