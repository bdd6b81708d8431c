// json_text: JSON of strangers to values and back, without surprises.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace plimsoll::api {

using Json = nlohmann::ordered_json;

inline constexpr std::size_t kDeepestJson = 64;  // arrays and objects inside each other
inline constexpr int kMostMembers = 1024;        // of one object

// Throws Problem 400: no JSON (with the place), not UTF-8, deeper than kDeepestJson, an object of more than
// kMostMembers. A member given twice counts as its last one, as with every JSON reader that clients are tested with.
[[nodiscard]] Json parse_json(std::string_view text);
[[nodiscard]] Json parse_object(std::string_view text);  // likewise where it is no object
// JSON that is a string inside of a stranger's JSON. Empty: it is not JSON, or beyond these limits.
[[nodiscard]] std::optional<Json> json_inside(std::string_view text);

// One line. Bytes that are not UTF-8 become U+FFFD.
[[nodiscard]] std::string to_text(const Json& json);

}  // namespace plimsoll::api
