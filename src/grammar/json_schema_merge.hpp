// json_schema_merge: two schemas that must both hold, as one. For allOf, and for what stands beside anyOf or $ref.
#pragma once
#include <nlohmann/json.hpp>

#include <string>

namespace plimsoll::grammar {

// Throws Error{unsupported} at `pointer` where one keyword is there twice and cannot be had as one.
[[nodiscard]] nlohmann::ordered_json merge_schemas(const nlohmann::ordered_json& first,
                                                   const nlohmann::ordered_json& second, const std::string& pointer);

// Title, description, default ...: keywords that forbid nothing.
[[nodiscard]] bool is_annotation(const std::string& keyword);

}  // namespace plimsoll::grammar
