// json_schema_parts: what a schema says about values that hold no others, and how a schema is refused.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "gbnf_rules.hpp"

namespace plimsoll::grammar {

[[noreturn]] void schema_unsupported(const std::string& keyword, const std::string& pointer,
                                     const std::string& more = "");                   // Error{unsupported}
[[noreturn]] void schema_wrong(const std::string& pointer, const std::string& what);  // Error{usage}

// The values of const and enum that are of its type, as GBNF literals.
[[nodiscard]] std::vector<std::string> schema_literals(const nlohmann::ordered_json& schema,
                                                       const std::string& pointer);
// Where no type is said, the one that its keywords speak of; "value" where they speak of none.
[[nodiscard]] std::vector<std::string> schema_types(const nlohmann::ordered_json& schema, const std::string& pointer);
// Least and most of a count: minItems and maxItems, minLength and maxLength.
[[nodiscard]] std::pair<std::uint64_t, std::optional<std::uint64_t>> schema_sizes(const nlohmann::ordered_json& schema,
                                                                                  const char* least_key,
                                                                                  const char* most_key,
                                                                                  const std::string& pointer);
// Integers within the schema's bounds.
[[nodiscard]] std::string schema_integer(GbnfRules& rules, const nlohmann::ordered_json& schema,
                                         const std::string& pointer);

}  // namespace plimsoll::grammar
