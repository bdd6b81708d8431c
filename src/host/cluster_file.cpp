#include "host/cluster_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <initializer_list>
#include <map>
#include <set>
#include <sstream>
#include <string>

#include "model_keys.hpp"
#include "serving_table.hpp"
#include "table_reader.hpp"

namespace plimsoll::host {
namespace {

// Keys of [[model]] that a fleet file does not have.
constexpr std::array kPlaceKeys{"replicas", "use", "kinds", "prefer", "avoid"};

void require_keys(const toml::table& table, std::initializer_list<const char*> keys, const char* what,
                  Complaints& complaints) {
  for (const char* key : keys) {
    if (!table.contains(key)) complaints.at(table.source(), fmt::format("a {} has no '{}'", what, key));
  }
}

place::Device read_device(const toml::table& table, Complaints& complaints) {
  place::Device device;
  TableReader reader(complaints, "a device");
  reader.text("name", [&](const std::string& value) { device.name = value; });
  reader.text("kind", [&](const std::string& value) { device.kind = value; });
  reader.text("budget", [&](const std::string& value) { set_bytes("budget", device.budget, value); });
  reader.flag("down", device.is_down);
  reader.read(table);
  require_keys(table, {"name", "kind", "budget"}, "device", complaints);
  if (device.kind == kHostKind)
    complaints.at(table.source(), fmt::format("'{}' is the kind of a node's own memory", kHostKind));
  return device;
}

place::Node read_node(const toml::table& table, Complaints& complaints) {
  place::Node node;
  TableReader reader(complaints, "a node");
  reader.text("name", [&](const std::string& value) { node.name = value; });
  reader.text("host", [&](const std::string& value) { set_bytes("host", node.host, value); });
  reader.flag("down", node.is_down);
  reader.text("address", [&](const std::string& value) { node.address = value; });
  reader.number("cpus", node.cpus, 1, 100'000);
  reader.tables("device", "[[node.device]]",
                [&](const toml::table& device) { node.devices.push_back(read_device(device, complaints)); });
  reader.read(table);
  require_keys(table, {"name", "host"}, "node", complaints);
  return node;
}

DeviceKind read_kind(const toml::table& table, Complaints& complaints) {
  DeviceKind kind;
  TableReader reader(complaints, "a kind");
  reader.text("name", [&](const std::string& value) { kind.name = value; });
  reader.text("plan-on", [&](const std::string& value) { kind.plan_on = value; });
  reader.text("runtime", [&](const std::string& value) { set_bytes("runtime", kind.runtime.emplace(), value); });
  reader.read(table);
  require_keys(table, {"name", "plan-on"}, "kind", complaints);
  if (table.contains("name") && kind.name.empty()) complaints.at(table.source(), "a kind has no name");
  if (kind.name == kHostKind) {
    complaints.at(table.source(),
                  fmt::format("'{}' is the kind of a node's own memory, and needs no table", kHostKind));
  } else if (kind.plan_on == "CPU" || kind.plan_on == "none") {
    complaints.at(
        table.source(),
        fmt::format("kind '{}' is to be planned on '{}'; for models on a node's own memory say kinds = [\"{}\"]",
                    kind.name, kind.plan_on, kHostKind));
  }
  return kind;
}

// Of a text or of each of a list, from the file's folder.
void make_absolute(toml::node& value, const std::filesystem::path& folder) {
  if (toml::value<std::string>* const text = value.as_string())
    *text = std::filesystem::absolute(from_folder(folder, text->get())).lexically_normal().string();
  if (toml::array* const list = value.as_array()) {
    for (toml::node& element : *list) make_absolute(element, folder);
  }
}

// The lines that a node's fleet file takes over: it may lie in another folder.
std::string fleet_keys(toml::table table, const std::filesystem::path& folder) {
  for (const char* key : kPlaceKeys) table.erase(key);
  table.erase("device");
  for (const char* key : {"path", "mmproj", "model-draft", "lora", "control-vector", "chat-template-file"}) {
    if (toml::node* const value = table.get(key)) make_absolute(*value, folder);
  }
  std::ostringstream out;
  out << toml::toml_formatter(toml::table{{"model", toml::array{table}}});
  return out.str();
}

void read_model_of_cluster(const toml::table& table, const std::filesystem::path& folder, ClusterFile& file,
                           Complaints& complaints) {
  ClusterModel model;
  place::Model& wish = file.cluster.models.emplace_back();
  float use = 1;
  TableReader reader(complaints, "a model");
  reader.number("replicas", wish.replicas, 0, 100'000);
  reader.real("use", use);
  reader.texts("kinds", [&](const std::string& value) { model.kinds.push_back(value); });
  reader.texts("prefer", [&](const std::string& value) { wish.prefer.push_back(value); });
  reader.texts("avoid", [&](const std::string& value) { wish.avoid.push_back(value); });
  reader.read_known(table);
  model.model = read_model(table, folder, complaints, {kPlaceKeys.begin(), kPlaceKeys.end()});
  model.keys = fleet_keys(table, folder);
  if (!model.model.request.dry_run.model.devices.empty())
    complaints.at(table.source(), "the device of a model follows from its place; name kinds");
  wish.name = model.model.request.name;
  wish.priority = model.model.priority;
  wish.use = static_cast<double>(use);
  file.models.push_back(std::move(model));
}

ClusterFile read_root(const toml::table& root, const std::filesystem::path& folder, Complaints& complaints) {
  ClusterFile file;
  TableReader reader(complaints, "a cluster; known are [[kind]], [[node]], [[model]] and [serve]");
  reader.tables("kind", "[[kind]]", [&](const auto& table) { file.kinds.push_back(read_kind(table, complaints)); });
  reader.tables("node", "[[node]]",
                [&](const auto& table) { file.cluster.nodes.push_back(read_node(table, complaints)); });
  reader.tables("model", "[[model]]",
                [&](const auto& table) { read_model_of_cluster(table, folder, file, complaints); });
  reader.table("serve", [&](const auto& table) { file.serving = read_serving(table, complaints); });
  reader.read(root);
  return file;
}

bool is_declared(const ClusterFile& file, const std::string& kind) {
  return kind == kHostKind || std::ranges::contains(file.kinds, kind, &DeviceKind::name);
}

// A size without a unit is one of bytes, which nobody means of a machine.
void check_sizes(const ClusterFile& file, std::vector<std::string>& wrong) {
  const auto check = [&](const std::string& whose, Bytes size) {
    if (size > Bytes{} && size < 1_MiB)
      wrong.push_back(
          fmt::format("{} is {}; is its unit missing, as in \"{}GiB\"?", whose, format_bytes(size), size.value()));
  };
  for (const DeviceKind& kind : file.kinds)
    check(fmt::format("'runtime' of kind '{}'", kind.name), kind.runtime.value_or(Bytes{}));
  check("'beside' of [serve]", file.serving.beside);
  for (const place::Node& node : file.cluster.nodes) {
    check(fmt::format("'host' of node '{}'", node.name), node.host);
    for (const place::Device& device : node.devices)
      check(fmt::format("the budget of '{}' of node '{}'", device.name, node.name), device.budget);
  }
}

// What the tables say of one another.
void check_names(const ClusterFile& file, const toml::source_region& place, Complaints& complaints) {
  for (const place::Node& node : file.cluster.nodes) {
    for (const place::Device& device : node.devices) {
      if (!is_declared(file, device.kind))
        complaints.at(place, fmt::format("'{}' of node '{}' is of kind '{}', which no [[kind]] declares", device.name,
                                         node.name, device.kind));
    }
  }
  std::set<std::string> kinds;
  for (const DeviceKind& kind : file.kinds) {
    if (!kinds.insert(kind.name).second) complaints.at(place, fmt::format("two kinds are called '{}'", kind.name));
  }
  for (const ClusterModel& model : file.models) {
    if (model.kinds.empty() && kinds.empty())
      complaints.at(place,
                    fmt::format("'{}' may go nowhere: there is no [[kind]], and a node's own memory is for models "
                                "that say kinds = [\"{}\"]",
                                model.model.request.name, kHostKind));
    for (const std::string& kind : model.kinds) {
      if (!is_declared(file, kind))
        complaints.at(
            place, fmt::format("'{}' may go to kind '{}', which no [[kind]] declares", model.model.request.name, kind));
    }
  }
  place::Cluster cluster = file.cluster;
  for (place::Model& model : cluster.models) model.needs = {{}};  // they are not known yet
  std::vector<std::string> wrong = contradictions(cluster);
  check_sizes(file, wrong);
  if (file.models.empty()) wrong.emplace_back("there is no model in this cluster");
  if (cluster.nodes.empty()) wrong.emplace_back("there is no node in this cluster");
  // What no server would take of them.
  Fleet fleet;
  for (const ClusterModel& model : file.models) fleet.models.push_back(model.model);
  if (!fleet.models.empty()) std::ranges::copy(contradictions(fleet), std::back_inserter(wrong));
  for (auto sentence = wrong.begin(); sentence != wrong.end(); ++sentence) {
    if (std::find(wrong.begin(), sentence, *sentence) == sentence) complaints.at(place, *sentence);
  }
}

}  // namespace

ParsedConfig<ClusterFile> parse_cluster(std::string_view text, const std::filesystem::path& folder) {
  return parse_config(text, [&](const toml::table& root, Complaints& complaints) {
    ClusterFile file = read_root(root, folder, complaints);
    if (complaints.list.empty()) check_names(file, root.source(), complaints);
    return file;
  });
}

ClusterFile read_cluster(const std::filesystem::path& path) { return read_config("cluster file", path, parse_cluster); }

namespace {

// A model's own lines, at its place.
toml::table model_table(const ClusterFile& file, const place::Placed& replica) {
  const auto model =
      std::ranges::find(file.models, replica.model, [](const ClusterModel& m) { return m.model.request.name; });
  toml::table table = *toml::parse(model->keys)["model"][0].as_table();
  table.insert_or_assign("name", replica.model);
  table.insert_or_assign("device", replica.device.empty() ? "none" : replica.device);
  if (!table.contains("load-at-start")) table.insert_or_assign("load-at-start", true);
  return table;
}

std::string fleet_text(const std::string& what, const toml::array& budgets, const toml::array& models) {
  std::ostringstream out;
  out << "# " << what << ": written by `plimsoll place`\n"
      << toml::toml_formatter(toml::table{{"budgets", budgets}, {"model", models}}) << "\n";
  return out.str();
}

}  // namespace

std::string fleet_file_of(const ClusterFile& file, const place::Placement& placement, const place::Node& node) {
  toml::array models;
  std::map<std::string, int> seen;
  for (const place::Placed& one : placement.placed) {
    if (one.node != node.name) continue;
    toml::table table = model_table(file, one);
    const int count = ++seen[one.model];  // more than one where there are more replicas than nodes
    if (count > 1) table.insert_or_assign("name", fmt::format("{}-{}", one.model, count));
    models.push_back(std::move(table));
  }
  if (models.empty()) return {};
  toml::array budgets{fmt::format("CPU={}", node.host.value())};
  for (const place::Device& device : node.devices) {
    if (!device.is_down) budgets.push_back(fmt::format("{}={}", device.name, device.budget.value()));
  }
  return fleet_text(node.name, budgets, models);
}

place::ServedFleet fleet_file_of(const ClusterFile& file, const place::Placed& replica) {
  toml::array budgets{fmt::format("CPU={}", replica.need.host.value())};
  if (!replica.device.empty()) budgets.push_back(fmt::format("{}={}", replica.device, replica.need.device.value()));
  const toml::array model{model_table(file, replica)};
  return {.text = fleet_text("one model", budgets, model), .settings = fleet_text("one model", {}, model)};
}

}  // namespace plimsoll::host
