#include "server_log.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include <plimsoll/base/error.hpp>
#include "base/clock.hpp"
#include "base/log.hpp"

namespace plimsoll::app {
namespace {

const char* level_text(log::Level level) {
  switch (level) {
    case log::Level::error:
      return "error";
    case log::Level::warn:
      return "warning";
    case log::Level::info:
      return "info";
    default:
      return "debug";
  }
}

// What clients have sent stands in some lines: with a line's end in it, it would go on as a line of its own, and
// terminals do what other such characters say. (JSON writes them in its own way.)
std::string one_line(std::string_view message) {
  std::string out;
  for (const char c : message) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n')
      out += "\\n";
    else if (byte < 0x20 || byte == 0x7F)
      out += fmt::format("\\x{:02x}", byte);
    else
      out += c;
  }
  return out;
}

}  // namespace

void set_up_server_log(const std::string& format, bool verbose) {
  if (format != "text" && format != "json")
    throw Error(ErrorCode::usage, fmt::format("--log-format does not know '{}'; it takes text or json", format));
  if (log::level() > log::Level::info) log::set_level(log::Level::info);
  log::set_sink(
      [json = format == "json", verbose](log::Level level, std::string_view component, std::string_view message) {
        if (!verbose && component == "engine" && level < log::Level::warn) return;
        const std::string now = utc_text(SystemClock().now());
        if (json) {
          const nlohmann::ordered_json line{
              {"time", now}, {"level", level_text(level)}, {"part", component}, {"message", message}};
          fmt::print(stderr, "{}\n", line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
        } else {
          fmt::print(stderr, "{} {:<7} {}: {}\n", now, level_text(level), component, one_line(message));
        }
      });
}

}  // namespace plimsoll::app
