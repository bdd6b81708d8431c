// sse: server-sent events as text.
#pragma once
#include <string>
#include <string_view>

#include "api/json_text.hpp"

namespace plimsoll::api {

inline constexpr const char* kEventStream = "text/event-stream";

// "data: {...}\n\n"; with a name, "event: name\ndata: {...}\n\n".
[[nodiscard]] std::string event(const Json& data, std::string_view name = {});

}  // namespace plimsoll::api
