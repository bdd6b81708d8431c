#include "place/placement_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include <plimsoll/base/error.hpp>

namespace plimsoll::place {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kSchema = "plimsoll.placement/1";

std::string replica_of(const Cluster& cluster, const std::string& name, unsigned replica) {
  const auto model = std::ranges::find(cluster.models, name, &Model::name);
  if (model == cluster.models.end() || model->replicas == 1) return name;
  return fmt::format("{} ({} of {})", name, replica + 1, model->replicas);
}

std::string row(const std::string& name, const std::string& kind, Bytes budget, Bytes taken, bool is_down) {
  return fmt::format("  {:<14} {:<10} {:>11} {:>11} {:>11}{}\n", name, kind, format_bytes(budget), format_bytes(taken),
                     format_bytes(saturating_sub(budget, taken)), is_down ? "  down" : "");
}

std::string placed_rows(const Cluster& cluster, const Placement& placement, const std::string& node,
                        const std::string& device) {
  std::string out;
  for (const Placed& one : placement.placed) {
    if (one.node != node || one.device != device) continue;
    const Bytes bytes = one.need.kind.empty() ? one.need.host : one.need.device;
    out += fmt::format("      {:<33} {:>11}{}\n", replica_of(cluster, one.model, one.replica), format_bytes(bytes),
                       one.is_new ? "  new" : "");
  }
  return out;
}

std::string node_rows(const Cluster& cluster, const Placement& placement, const Node& node) {
  Bytes host;
  for (const Placed& one : placement.placed) {
    if (one.node == node.name) host += one.need.host;
  }
  std::string out =
      row(node.name, "host", node.host, host, node.is_down) + placed_rows(cluster, placement, node.name, "");
  for (const Device& device : node.devices) {
    Bytes taken;
    for (const Placed& one : placement.placed) {
      if (one.node == node.name && one.device == device.name) taken += one.need.device;
    }
    out += row("  " + device.name, device.kind, device.budget, taken, device.is_down || node.is_down);
    out += placed_rows(cluster, placement, node.name, device.name);
  }
  return out;
}

Json placed_json(const Placed& one) {
  return {{"model", one.model},
          {"replica", one.replica},
          {"node", one.node},
          {"device", one.device.empty() ? Json(nullptr) : Json(one.device)},
          {"kind", one.need.kind.empty() ? "host" : one.need.kind},
          {"device_bytes", one.need.device.value()},
          {"host_bytes", one.need.host.value()},
          {"new", one.is_new}};
}

Json missing_json(const Missing& one) {
  Json ways = Json::array();
  for (const WayOut& way : one.ways_out) ways.push_back(to_sentence(way));
  return {{"model", one.model}, {"replica", one.replica}, {"ways_out", ways}};
}

// JSON would make a large amount of one below 0.
std::uint64_t amount_of(const Json& one, const char* key) {
  const Json& value = one.at(key);
  if (!value.is_number_unsigned()) throw Json::type_error::create(302, "it is no amount", &value);
  return value.get<std::uint64_t>();
}

}  // namespace

std::string to_table(const Cluster& cluster, const Placement& placement) {
  std::string out = fmt::format("  {:<14} {:<10} {:>11} {:>11} {:>11}\n", "node", "kind", "budget", "taken", "free");
  for (const Node& node : cluster.nodes) out += node_rows(cluster, placement, node);
  if (placement.moved > Bytes{} || placement.stopped > Bytes{})
    out += fmt::format("\n  Moved: {}; {} had lost their place.\n", format_bytes(placement.moved),
                       format_bytes(placement.had_to_move));
  if (placement.missing.empty()) return out + "\n  Every model has its place.\n";
  out += "\n  Without a place:\n";
  for (const Missing& one : placement.missing) {
    out += fmt::format("    {}\n", replica_of(cluster, one.model, one.replica));
    for (const WayOut& way : one.ways_out) out += fmt::format("      {}\n", to_sentence(way));
  }
  return out;
}

Json to_json(const Cluster& cluster, const Placement& placement) {
  Json nodes = Json::array();
  for (const Node& node : cluster.nodes) {
    Json devices = Json::array();
    for (const Device& device : node.devices)
      devices.push_back(
          {{"name", device.name}, {"kind", device.kind}, {"budget", device.budget.value()}, {"down", device.is_down}});
    nodes.push_back({{"name", node.name}, {"host", node.host.value()}, {"down", node.is_down}, {"devices", devices}});
  }
  Json placed = Json::array();
  for (const Placed& one : placement.placed) placed.push_back(placed_json(one));
  Json missing = Json::array();
  for (const Missing& one : placement.missing) missing.push_back(missing_json(one));
  return {{"schema", "plimsoll.placement/1"},
          {"nodes", nodes},
          {"placed", placed},
          {"missing", missing},
          {"taken_bytes", placement.taken.value()},
          {"had_to_move_bytes", placement.had_to_move.value()},
          {"moved_bytes", placement.moved.value()},
          {"stopped_bytes", placement.stopped.value()}};
}

std::vector<Placed> placed_of_json(const std::string& text) {
  try {
    const Json json = Json::parse(text);
    if (json.at("schema") != kSchema) throw Error(ErrorCode::usage, fmt::format("its schema is not {}", kSchema));
    std::vector<Placed> out;
    for (const Json& one : json.at("placed")) {
      const auto kind = one.at("kind").get<std::string>();
      out.push_back({.model = one.at("model").get<std::string>(),
                     .replica = static_cast<unsigned>(amount_of(one, "replica")),
                     .node = one.at("node").get<std::string>(),
                     .device = one.at("device").is_null() ? "" : one.at("device").get<std::string>(),
                     .need = {.kind = kind == "host" ? "" : kind,
                              .device = Bytes{amount_of(one, "device_bytes")},
                              .host = Bytes{amount_of(one, "host_bytes")}}});
    }
    return out;
  } catch (const nlohmann::json::exception&) {
    throw Error(ErrorCode::usage,
                fmt::format("it is not a placement ({}), as `plimsoll place --json` writes it", kSchema));
  }
}

}  // namespace plimsoll::place
