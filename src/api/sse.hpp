// sse: server-sent events as text.
#pragma once
#include <string>
#include <string_view>

#include "api/json_text.hpp"

namespace plimsoll::api {

inline constexpr const char* kEventStream = "text/event-stream";
// Which readers of events skip.
inline constexpr const char* kComment = ":\n\n";

// "data: {...}\n\n"; with a name, "event: name\ndata: {...}\n\n".
[[nodiscard]] std::string event(const Json& data, std::string_view name = {});

}  // namespace plimsoll::api
