// literal_text: calls and their arguments in languages that are not JSON's, to JSON.
#pragma once
#include <optional>
#include <string_view>

#include "api/json_text.hpp"

namespace plimsoll::api {

// [NAME(KEY=VALUE, ...), ...] to [{"name": ..., "arguments": {...}}, ...]: values as Python or JSON writes them. Empty:
// it is no such list, or beyond the limits of json_text.hpp.
[[nodiscard]] std::optional<Json> python_calls(std::string_view text);

// {KEY:VALUE,...} as Gemma 4 writes it, likewise.
[[nodiscard]] std::optional<Json> gemma_object(std::string_view text);

}  // namespace plimsoll::api
