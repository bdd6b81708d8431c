// normal_schema: one schema as its clients write it, in the words that the rest of this part reads: without what means
// nothing, and with what older drafts and OpenAPI say in those of JSON Schema 2020-12.
#pragma once
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "grammar/schema_notes.hpp"

namespace plimsoll::grammar {

// An object with well-formed keywords, or true or false. The schemas inside are left as they are, but for those that
// are not schemas. What is dropped is noted at the pointer, but for what forbids nothing (annotations).
//  - `type` is one of the seven, or a list of them; `dependencies` become dependentRequired and dependentSchemas;
//  - draft 4's exclusive bounds become numbers, bounds of "int32" are bounds, draft 3's `required` stands in the
//  object;
//  - if, then and else become kConditions, a list of {"if", "then", "else"}.
// It is its own normal form.
[[nodiscard]] nlohmann::ordered_json normal_schema(const nlohmann::ordered_json& schema, const std::string& pointer,
                                                   SchemaNotes& notes);

inline constexpr const char* kConditions = "$conditions";
inline constexpr const char* kOther = "$other";  // a list of values that it must not be

// Title, description, default ...: keywords that forbid nothing.
[[nodiscard]] bool is_annotation(const std::string& keyword);

}  // namespace plimsoll::grammar
