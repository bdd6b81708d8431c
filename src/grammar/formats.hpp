// formats: what a schema's `format` and `contentEncoding` ask of a text, as ECMAScript patterns.
#pragma once
#include <string>
#include <string_view>

namespace plimsoll::grammar {

// Anchored at both ends; empty for a format that is not known, or is said of no text.
[[nodiscard]] const std::string& pattern_of_format(std::string_view format);
// "base64", "base64url", "base32", "base16"; empty for others.
[[nodiscard]] const std::string& pattern_of_encoding(std::string_view encoding);
// Says what a value is for, and forbids nothing: "password", "double".
[[nodiscard]] bool is_free_format(std::string_view format);

}  // namespace plimsoll::grammar
