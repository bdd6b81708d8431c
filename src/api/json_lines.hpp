// json_lines: a stream of JSON objects, one a line.
#pragma once
#include <string>

#include "api/json_text.hpp"

namespace plimsoll::api {

inline constexpr const char* kJsonLines = "application/x-ndjson";

[[nodiscard]] inline std::string json_line(const Json& json) { return to_text(json) + "\n"; }

}  // namespace plimsoll::api
