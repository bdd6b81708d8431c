// log: one sink for our own lines and the engine's. Goes to stderr, or to a file, never to stdout.
#pragma once
#include <fmt/format.h>

#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace plimsoll::log {

enum class Level { trace, debug, info, warn, error, off };

// Default: warn. Any thread.
void set_level(Level level);
[[nodiscard]] Level level() noexcept;

// Appends to `path` from now on (stderr stays in use for warnings and errors). Throws Error{io}.
void open_file(const std::string& path);

// Receives every line that passes the level, instead of stderr; empty restores stderr. For tests and embedders.
using Sink = std::function<void(Level, std::string_view component, std::string_view message)>;
void set_sink(Sink sink);

// `component` is the part that speaks: "tracker", "engine" (the engine's own lines arrive under this name).
void write(Level level, std::string_view component, std::string_view message);

template <class... Args>
void debug(std::string_view component, fmt::format_string<Args...> format, Args&&... args) {
  if (level() <= Level::debug) write(Level::debug, component, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void info(std::string_view component, fmt::format_string<Args...> format, Args&&... args) {
  if (level() <= Level::info) write(Level::info, component, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void warn(std::string_view component, fmt::format_string<Args...> format, Args&&... args) {
  if (level() <= Level::warn) write(Level::warn, component, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void error(std::string_view component, fmt::format_string<Args...> format, Args&&... args) {
  if (level() <= Level::error) write(Level::error, component, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace plimsoll::log
