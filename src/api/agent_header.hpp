// agent_header: what an agent puts in front of its system text for the original's servers, not for the model.
#pragma once
#include <string_view>

namespace plimsoll::api {

// The text without a line "x-anthropic-...: key=value; key=value;" at its beginning. It differs from request to
// request, so what stands behind it could never be found in memory. What stands behind the pairs is kept.
[[nodiscard]] std::string_view without_agent_header(std::string_view text);

}  // namespace plimsoll::api
