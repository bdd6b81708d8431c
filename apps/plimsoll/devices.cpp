// plimsoll devices: what is there, how full it is, and who says so.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/clock.hpp"
#include "dry_run/local_dry_runs.hpp"

#include "commands.hpp"
#include "exit_status.hpp"
#include "options.hpp"

namespace plimsoll::app {
namespace {

using Json = nlohmann::ordered_json;

std::string_view word(device::DeviceType type) {
  switch (type) {
    case device::DeviceType::cpu:
      return "cpu";
    case device::DeviceType::gpu:
      return "gpu";
    case device::DeviceType::integrated_gpu:
      return "integrated_gpu";
    case device::DeviceType::accelerator:
      return "accelerator";
  }
  return "accelerator";
}

std::string whose_memory(const device::DeviceInfo& info) {
  if (info.memory() != info.id) return fmt::format(" (memory is {}'s: one card, one budget)", info.memory().name());
  return info.memory_is_hosts && !info.id.is_host() ? " (memory is the host's)" : "";
}

Json device_json(const dry_run::DeviceView& view) {
  const auto bytes = [](const std::optional<Bytes>& value) { return value ? Json(value->value()) : Json(nullptr); };
  const auto budget = memory::resolve_budget({}, view.info, view.reading.total);
  return {{"device", view.info.id.name()},
          {"type", word(view.info.type)},
          {"backend", view.info.backend},
          {"description", view.info.description},
          {"pci_id", view.info.pci_id ? Json(*view.info.pci_id) : Json(nullptr)},
          {"memory_is_hosts", view.info.memory_is_hosts},
          {"memory", view.info.memory().name()},
          {"total", bytes(view.reading.total)},
          {"free", bytes(view.reading.free)},
          {"used_by_us", bytes(view.reading.used_by_us)},
          {"budget", budget ? Json(budget->bytes.value()) : Json(nullptr)},
          {"source", view.reading.source},
          {"taken_at", utc_text(view.reading.taken_at)}};
}

int run(const GlobalOptions& global) {
  dry_run::LocalDryRuns local;
  const auto views = local.devices();
  if (global.json) {
    Json list = Json::array();
    for (const dry_run::DeviceView& view : views) list.push_back(device_json(view));
    fmt::print("{}\n", Json{{"schema", "plimsoll.devices/1"}, {"devices", list}}.dump(2));
    return done;
  }
  fmt::print("{:<10} {:>11} {:>11} {:>11}  {:<14} {}\n", "device", "total", "free", "budget", "source", "description");
  for (const dry_run::DeviceView& view : views) {
    const auto amount = [](const std::optional<Bytes>& bytes) {
      return bytes ? format_bytes(*bytes) : std::string("unknown");
    };
    const auto budget = memory::resolve_budget({}, view.info, view.reading.total);
    fmt::print("{:<10} {:>11} {:>11} {:>11}  {:<14} {}{}\n", view.info.id.name(), amount(view.reading.total),
               amount(view.reading.free), budget ? format_bytes(budget->bytes) : "none", view.reading.source,
               view.info.description, whose_memory(view.info));
  }
  return done;
}

}  // namespace

void add_devices(CLI::App& app, GlobalOptions& global, int& status) {
  CLI::App* command = app.add_subcommand("devices", "The devices, their memory, and where the numbers come from");
  add_json(*command, global);
  const auto options = std::make_shared<ModelOptions>();
  for (const char* flag : {"--rpc", "--rpc-insecure"}) add_option(*command, *options, options::option_of_flag(flag));
  command->callback([&global, &status, options] { status = run(global); });
}

}  // namespace plimsoll::app
