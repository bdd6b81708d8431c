// schema_values: what a schema in its normal form says about single values: const, enum, type, bounds.
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "number_grammar.hpp"

namespace plimsoll::grammar {

// The values of const and enum that its type and its bounds allow, without those that it must not be; empty: it has
// neither const nor enum.
[[nodiscard]] std::optional<nlohmann::ordered_json> allowed_values(const nlohmann::ordered_json& schema);
// As far as type, const, enum, bounds and lengths tell.
[[nodiscard]] bool may_be(const nlohmann::ordered_json& value, const nlohmann::ordered_json& schema);
// Its const and its enum, its type or its bounds leave nothing.
[[nodiscard]] bool contradict_values(const nlohmann::ordered_json& schema);
// Where no type is said, the one that its keywords speak of; "value" where they speak of none.
[[nodiscard]] std::vector<std::string> types_of(const nlohmann::ordered_json& schema);

// All JSON values in it, its own included.
[[nodiscard]] std::size_t values_in(const nlohmann::ordered_json& schema);

[[nodiscard]] std::optional<NumberBound> least_of(const nlohmann::ordered_json& schema);
[[nodiscard]] std::optional<NumberBound> most_of(const nlohmann::ordered_json& schema);

}  // namespace plimsoll::grammar
