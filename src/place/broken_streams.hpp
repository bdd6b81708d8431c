// broken_streams: the Lua file by which HAProxy ends a stream whose server breaks off. Private to this part.
#pragma once

namespace plimsoll::place {

inline constexpr const char* kBrokenStreamsFile = "broken-streams.lua";
// For a line `filter lua.broken-stream` in a backend, of HAProxy 2.6 or later built with Lua.
[[nodiscard]] const char* broken_streams_lua() noexcept;

}  // namespace plimsoll::place
