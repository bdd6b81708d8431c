#include "host/fleet_file.hpp"

#include <fmt/format.h>

#include <toml++/toml.hpp>

#include <algorithm>
#include <charconv>

#include <plimsoll/base/error.hpp>
#include "plan/budget_requests.hpp"

#include "key_tables.hpp"
#include "model_keys.hpp"
#include "table_reader.hpp"

namespace plimsoll::host {
namespace {

std::optional<double> parse_share(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || std::string_view(end, text.data() + text.size()) != "%") return std::nullopt;
  return value / 100;
}

const std::string& name_of(const FleetModel& model) { return model.request.name; }

void add_model(const toml::table& table, Fleet& fleet, const std::filesystem::path& folder, Complaints& complaints) {
  FleetModel model = read_model(table, folder, complaints);
  if (std::ranges::contains(fleet.models, model.request.name, name_of))
    complaints.at(table.source(), fmt::format("two models are called '{}'", model.request.name));
  fleet.models.push_back(std::move(model));
}

void set_share(const char* key, double& target, const std::string& value) {
  const auto parsed = parse_share(value);
  if (!parsed)
    throw Error(ErrorCode::usage, fmt::format("'{}' does not know '{}'; it takes a percentage like 85%", key, value));
  target = *parsed;
}

void read_swap(const toml::table& table, Fleet& fleet, const std::filesystem::path& folder, Complaints& complaints) {
  TableReader reader(complaints, "'swap'");
  SwapLimits& limits = fleet.swap;
  reader.text("memory", [&](const std::string& value) { set_bytes("memory", limits.memory, value); });
  reader.text("disk", [&](const std::string& value) { set_bytes("disk", limits.disk, value); });
  reader.text("folder", [&](const std::string& value) { limits.folder = from_folder(folder, value); });
  reader.text("keep-prompts", [&](const std::string& value) { set_bytes("keep-prompts", limits.kept, value); });
  reader.read(table);
}

void read_thresholds(const toml::table& table, Fleet& fleet, Complaints& complaints) {
  TableReader reader(complaints, "'thresholds'");
  reader.text("warn", [&](const std::string& value) { set_share("warn", fleet.thresholds.warn, value); });
  reader.text("high", [&](const std::string& value) { set_share("high", fleet.thresholds.high, value); });
  reader.read(table);
}

// The value, or the sentence that says why there is none.
template <class Value>
Value valid(std::expected<Value, std::string> parsed) {
  if (!parsed) throw Error(ErrorCode::usage, parsed.error());
  return *std::move(parsed);
}

void add_settings(TableReader& reader, Fleet& fleet) {
  reader.texts(
      "budgets", [&](const std::string& value) { fleet.budgets.push_back(valid(memory::parse_budget(value))); },
      "a list like [\"90%\", \"Vulkan0=8GiB\"]");
  reader.texts(
      "runtime", [&](const std::string& value) { fleet.runtime.push_back(valid(plan::parse_runtime(value))); },
      "a list like [\"CUDA0=600MiB\"]");
  reader.flag("prefault", fleet.prefault);
  reader.number("models-max", fleet.most_models, 0, kMostModels);
  reader.text(
      "keep-in-host", [&](const std::string& value) { set_bytes("keep-in-host", fleet.keep_in_host, value); },
      "a size like \"8GiB\"");
  reader.text(
      "yield-to-foreign",
      [&](const std::string& value) { set_bytes("yield-to-foreign", fleet.yield_to_foreign, value); },
      "a size like \"8GiB\"");
  reader.text(
      "eviction",
      [&](const std::string& value) {
        if (!eviction_policy(value)) throw Error(ErrorCode::usage, unknown_eviction_policy(value));
        fleet.eviction = value;
      },
      "a policy like \"lru\"");
}

Fleet read_root(const toml::table& root, const std::filesystem::path& folder, Complaints& complaints) {
  Fleet fleet;
  TableReader reader(
      complaints,
      "a fleet; known are budgets, runtime, prefault, models-max, keep-in-host, yield-to-foreign, eviction, rpc, "
      "rpc-insecure, "
      "isolation, max-decode-time, process-memory, most-deaths, [swap], [thresholds], [[key]] and [[model]]");
  add_settings(reader, fleet);
  std::vector<std::string> servers;
  reader.texts(
      "rpc",
      [&](const std::string& value) {
        servers.push_back(value);
        fleet.rpc = device::parse_rpc_addresses(servers);
      },
      "a list like [\"10.0.0.2:50052\"]");
  reader.flag("rpc-insecure", fleet.rpc_insecure);
  add_isolation_keys(reader, fleet.isolation);
  reader.table("swap", [&](const toml::table& table) { read_swap(table, fleet, folder, complaints); });
  reader.table("thresholds", [&](const toml::table& table) { read_thresholds(table, fleet, complaints); });
  reader.tables("key", "[[key]]", [&](const toml::table& table) { add_key(table, fleet.keys, folder, complaints); });
  reader.tables("model", "[[model]]", [&](const toml::table& table) { add_model(table, fleet, folder, complaints); });
  reader.read(root);
  if (const auto wrong = plan::contradiction(fleet.budgets)) complaints.at(root.get("budgets")->source(), *wrong);
  if (const auto wrong = plan::contradiction(fleet.runtime)) complaints.at(root.get("runtime")->source(), *wrong);
  settle_isolation(fleet);
  return fleet;
}

}  // namespace

ParsedConfig<Fleet> parse_fleet(std::string_view text, const std::filesystem::path& folder) {
  return parse_config(text, [&](const toml::table& root, Complaints& complaints) {
    Fleet fleet = read_root(root, folder, complaints);
    if (complaints.list.empty()) {
      for (const std::string& sentence : contradictions(fleet)) complaints.at(root.source(), sentence);
    }
    return fleet;
  });
}

Fleet read_fleet(const std::filesystem::path& path) {
  if (std::error_code ignored; std::filesystem::is_directory(path, ignored))
    throw Error(ErrorCode::usage, fmt::format("'{}' is a folder, not a fleet file", path.string()));
  Fleet fleet = read_config("fleet file", path, parse_fleet);
  const std::string name = path.filename().string();
  for (FleetModel& model : fleet.models) model.place = fmt::format("{}:{}", name, model.place);
  return fleet;
}

}  // namespace plimsoll::host
