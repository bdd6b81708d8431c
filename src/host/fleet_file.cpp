#include "host/fleet_file.hpp"

#include <fmt/format.h>

#include <toml++/toml.hpp>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>

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

void read_models(const toml::node& node, Fleet& fleet, const std::filesystem::path& folder, Complaints& complaints) {
  const toml::array* models = node.as_array();
  if (models == nullptr || !models->is_array_of_tables())
    return complaints.at(node.source(), "models are written as [[model]]");
  for (const toml::node& node_of_model : *models) {
    const toml::table& table = *node_of_model.as_table();
    FleetModel model = read_model(table, folder, complaints);
    model.place = fmt::format("{}:{}", table.source().begin.line, table.source().begin.column);
    if (std::ranges::contains(fleet.models, model.request.name, name_of))
      complaints.at(table.source(), fmt::format("two models are called '{}'", model.request.name));
    fleet.models.push_back(std::move(model));
  }
}

void set_bytes(const char* key, Bytes& target, const std::string& value) {
  const auto parsed = parse_bytes(value);
  if (!parsed) throw Error(ErrorCode::usage, fmt::format("'{}': {}", key, parsed.error()));
  target = *parsed;
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

void read_budgets(const toml::node& node, Fleet& fleet, Complaints& complaints) {
  const toml::array* budgets = node.as_array();
  if (budgets == nullptr)
    return complaints.at(node.source(), "'budgets' takes a list like [\"90%\", \"Vulkan0=8GiB\"]");
  for (const toml::node& element : *budgets) {
    const auto parsed = memory::parse_budget(element.value_exact<std::string>().value_or(""));
    if (parsed) {
      fleet.budgets.push_back(*parsed);
    } else {
      complaints.at(element.source(), parsed.error());
    }
  }
  if (const auto wrong = plan::contradiction(fleet.budgets)) complaints.at(node.source(), *wrong);
}

void read_keep_in_host(const toml::node& node, Fleet& fleet, Complaints& complaints) {
  const auto parsed = parse_bytes(node.value_exact<std::string>().value_or(""));
  if (!parsed) return complaints.at(node.source(), "'keep-in-host' takes a size like \"8GiB\"");
  fleet.keep_in_host = *parsed;
}

void read_runtime(const toml::node& node, Fleet& fleet, Complaints& complaints) {
  const toml::array* list = node.as_array();
  if (list == nullptr) return complaints.at(node.source(), "'runtime' takes a list like [\"CUDA0=600MiB\"]");
  for (const toml::node& element : *list) {
    const auto parsed = plan::parse_runtime(element.value_exact<std::string>().value_or(""));
    if (parsed) {
      fleet.runtime.push_back(*parsed);
    } else {
      complaints.at(element.source(), parsed.error());
    }
  }
  if (const auto wrong = plan::contradiction(fleet.runtime)) complaints.at(node.source(), *wrong);
}

void read_eviction(const toml::node& node, Fleet& fleet, Complaints& complaints) {
  const auto name = node.value_exact<std::string>();
  if (!name) return complaints.at(node.source(), "'eviction' takes a policy like \"lru\"");
  if (!eviction_policy(*name)) return complaints.at(node.source(), unknown_eviction_policy(*name));
  fleet.eviction = *name;
}

Fleet read_root(const toml::table& root, const std::filesystem::path& folder, Complaints& complaints) {
  Fleet fleet;
  for (const auto& [key, node] : root) {
    const toml::table* const table = node.as_table();
    const std::string_view name = key.str();
    if (name == "budgets") {
      read_budgets(node, fleet, complaints);
    } else if (name == "runtime") {
      read_runtime(node, fleet, complaints);
    } else if (name == "prefault") {
      if (const auto value = node.value_exact<bool>())
        fleet.prefault = *value;
      else
        complaints.at(node.source(), "'prefault' takes true or false");
    } else if (name == "keep-in-host") {
      read_keep_in_host(node, fleet, complaints);
    } else if (name == "eviction") {
      read_eviction(node, fleet, complaints);
    } else if (name == "model") {
      read_models(node, fleet, folder, complaints);
    } else if (name == "key") {
      fleet.keys = read_keys(node, folder, complaints);
    } else if (name == "swap" && table != nullptr) {
      read_swap(*table, fleet, folder, complaints);
    } else if (name == "thresholds" && table != nullptr) {
      read_thresholds(*table, fleet, complaints);
    } else {
      complaints.at(key.source(), fmt::format("unknown key '{}' of a fleet; known are budgets, runtime, prefault, "
                                              "keep-in-host, eviction, [swap], [thresholds], [[key]] "
                                              "and [[model]]",
                                              name));
    }
  }
  return fleet;
}

}  // namespace

std::expected<Fleet, std::vector<FleetFileError>> parse_fleet(std::string_view text,
                                                              const std::filesystem::path& folder) {
  Complaints complaints;
  toml::table root;
  try {
    root = toml::parse(text);
  } catch (const toml::parse_error& error) {
    complaints.at(error.source(), std::string(error.description()));
    return std::unexpected(std::move(complaints.list));
  }
  Fleet fleet = read_root(root, folder, complaints);
  if (complaints.list.empty()) {
    for (const std::string& sentence : contradictions(fleet)) complaints.at(root.source(), sentence);
  }
  if (complaints.list.empty()) return fleet;
  std::ranges::stable_sort(complaints.list, {},
                           [](const FleetFileError& error) { return std::pair(error.line, error.column); });
  return std::unexpected(std::move(complaints.list));
}

Fleet read_fleet(const std::filesystem::path& path) {
  if (std::error_code ignored; std::filesystem::is_directory(path, ignored))
    throw Error(ErrorCode::usage, fmt::format("'{}' is a folder, not a fleet file", path.string()));
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file) throw Error(ErrorCode::io, fmt::format("the fleet file '{}' cannot be read", path.string()));
  auto fleet = parse_fleet(text, path.has_parent_path() ? path.parent_path() : std::filesystem::path("."));
  if (!fleet) throw WrongFleetFile(path, std::move(fleet.error()));
  const std::string name = path.filename().string();
  for (FleetModel& model : fleet->models) model.place = fmt::format("{}:{}", name, model.place);
  return std::move(*fleet);
}

namespace {

std::string all_of(const std::filesystem::path& path, const std::vector<FleetFileError>& errors) {
  std::string all =
      fmt::format("{} thing{} wrong with this fleet", errors.size(), errors.size() == 1 ? " is" : "s are");
  for (const FleetFileError& error : errors)
    all += fmt::format("\n  {}:{}:{}: {}", path.string(), error.line, error.column, error.message);
  return all;
}

}  // namespace

WrongFleetFile::WrongFleetFile(std::filesystem::path path, std::vector<FleetFileError> errors)
    : Error(ErrorCode::usage, all_of(path, errors), {{"errors", errors.size()}}),
      path_(std::move(path)),
      errors_(std::move(errors)) {}

std::string WrongFleetFile::place_of(std::uint32_t line, std::uint32_t column) const {
  return fmt::format("{}:{}:{}", path_.filename().string(), line, column);
}

}  // namespace plimsoll::host
