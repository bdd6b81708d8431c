// draft7_schema: a schema as its clients write it, in the words of draft 7, which the validator knows.
#pragma once

#include <nlohmann/json.hpp>

namespace plimsoll::api {

// What it refers to stands in "definitions"; no reference leads in a circle without a value in between. Patterns,
// formats and encodings are `format`s of this part's own: one of these words and the pattern, format or encoding behind
// it. Left out is what draft 7 has no word for (minContains above 1, names that match a pattern) and what is not exact
// (multiples of fractions). Reads it as the grammar does: what is odd is loosened.
[[nodiscard]] nlohmann::json draft7_schema(const nlohmann::ordered_json& schema);

inline constexpr const char* kPatternWord = "pattern ";
inline constexpr const char* kFormatWord = "format ";
inline constexpr const char* kEncodingWord = "encoding ";

}  // namespace plimsoll::api
