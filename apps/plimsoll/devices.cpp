// plimsoll devices: what is there, how full it is, and who says so.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include <plimsoll/gauge/survey_process.hpp>

#include "commands.hpp"
#include "exit_status.hpp"

namespace plimsoll::app {
namespace {

using Json = nlohmann::ordered_json;

int run(const GlobalOptions& global) {
  gauge::LocalSurveys local;
  const auto views = local.devices();
  if (global.json) {
    Json list = Json::array();
    for (const gauge::DeviceView& view : views) list.push_back(gauge::to_json(view));
    fmt::print("{}\n", Json{{"schema", "plimsoll.devices/1"}, {"devices", list}}.dump(2));
    return done;
  }
  fmt::print("{:<10} {:>11} {:>11} {:>11}  {:<14} {}\n", "device", "total", "free", "line", "source", "description");
  for (const gauge::DeviceView& view : views) {
    const auto amount = [](const std::optional<Bytes>& bytes) { return bytes ? format_bytes(*bytes) : std::string("unknown"); };
    const auto line = memory::resolve_line({}, view.info, view.reading.total);
    fmt::print("{:<10} {:>11} {:>11} {:>11}  {:<14} {}{}\n", view.info.id.name(), amount(view.reading.total), amount(view.reading.free),
               line ? format_bytes(line->bytes) : "none", view.reading.source, view.info.description,
               view.info.memory_is_hosts && !view.info.id.is_host() ? " (memory is the host's)" : "");
  }
  return done;
}

}  // namespace

void add_devices(CLI::App& app, GlobalOptions& global, int& status) {
  CLI::App* command = app.add_subcommand("devices", "The devices, their memory, and where the numbers come from");
  add_json(*command, global);
  command->callback([&global, &status] { status = run(global); });
}

}  // namespace plimsoll::app
