// schema_cases: what a schema says of two cases (if, not, what depends on a member), as schemas of which one must hold.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace plimsoll::grammar {

// One of the schema's keywords that speak of cases.
struct SchemaCases {
  std::string keyword{};          // "if", "not", "dependentRequired", "dependentSchemas"
  nlohmann::ordered_json rest{};  // the schema without it
  // To be joined with the rest, each; empty where it cannot be told in such a way.
  std::optional<std::vector<nlohmann::ordered_json>> parts{};
};

// Of a schema in its normal form; empty: it has none.
[[nodiscard]] std::optional<SchemaCases> next_cases(const nlohmann::ordered_json& schema);

// Schemas of which one holds exactly where the given one does not; empty where that cannot be told.
[[nodiscard]] std::optional<std::vector<nlohmann::ordered_json>> negation_of(const nlohmann::ordered_json& schema);

}  // namespace plimsoll::grammar
