// schema_merge: two schemas that must both hold, as one. For allOf, and for what stands beside anyOf or $ref.
#pragma once
#include <string>

#include <nlohmann/json.hpp>

#include "grammar/schema_notes.hpp"

namespace plimsoll::grammar {

// Both in their normal form and without $ref. False: nothing satisfies both. What cannot be had as one is noted at the
// pointer, and the first one's is kept. Schemas of the same member are joined as an allOf.
[[nodiscard]] nlohmann::ordered_json merge_schemas(const nlohmann::ordered_json& first,
                                                   const nlohmann::ordered_json& second, const std::string& pointer,
                                                   SchemaNotes& notes);

// No value is valid under both, as far as type, const, enum and required members of their own tell.
[[nodiscard]] bool are_disjoint(const nlohmann::ordered_json& first, const nlohmann::ordered_json& second);

}  // namespace plimsoll::grammar
