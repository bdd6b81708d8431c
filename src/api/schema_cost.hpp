// schema_cost: how much work it is to hold a value against a schema.
#pragma once
#include <nlohmann/json.hpp>

namespace plimsoll::api {

// The validator looks at every branch, and at every member in each of them: a few nested branches come to more steps
// than there are atoms. `schema`: of draft7_schema(). True: it will not be more steps than some hundred thousand.
[[nodiscard]] bool is_affordable(const nlohmann::json& schema, const nlohmann::json& value);

}  // namespace plimsoll::api
