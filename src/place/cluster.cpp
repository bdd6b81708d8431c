#include "place/cluster.hpp"
#include "base/lower_case.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string_view>

namespace plimsoll::place {
namespace {

bool has_only(std::string_view text, std::string_view others) {
  return std::ranges::all_of(text, [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || others.contains(c);
  });
}

// It becomes a file's name, and a word in the files of other programs.
void check_host_name(const Node& node, std::map<std::string, std::string>& by_address,
                     std::vector<std::string>& wrong) {
  if (node.name.empty()) {
    wrong.emplace_back("a node has no name");
    return;
  }
  if (!has_only(node.name, "-_.") || !has_only(node.name.substr(0, 1), ""))
    wrong.push_back(fmt::format("the name of node '{}' is not a host's: letters, digits, '-', '_' and '.'", node.name));
  if (!has_only(node.address, "-_.:") || node.address.starts_with('-'))
    wrong.push_back(fmt::format("the address of node '{}' cannot be '{}': letters, digits, '-', '_', '.' and ':'",
                                node.name, node.address));
  // Names of hosts are the same in any case.
  const std::string& address = node.address.empty() ? node.name : node.address;
  const auto [other, is_new] = by_address.emplace(lower_case(address), node.name);
  if (!is_new && other->second != node.name)
    wrong.push_back(fmt::format("nodes '{}' and '{}' have the same address", other->second, node.name));
}

// It becomes a word in a fleet file's budgets and devices, where some words mean something else.
void check_device_name(const Device& device, const Node& node, std::vector<std::string>& wrong) {
  const std::string name = lower_case(device.name);
  if (name == "cpu" || name == "none") {
    wrong.push_back(
        fmt::format("'{}' of node '{}' is no device: of the node's own memory 'host' tells", device.name, node.name));
  } else if (device.name.empty() || !has_only(device.name, "-_.:[]()")) {
    wrong.push_back(
        fmt::format("'{}' of node '{}' is not the name of one device, such as CUDA0", device.name, node.name));
  }
}

void check_nodes(const Cluster& cluster, std::set<std::string>& names, std::set<std::string>& kinds,
                 std::vector<std::string>& wrong) {
  std::map<std::string, std::string> by_address;
  for (const Node& node : cluster.nodes) {
    check_host_name(node, by_address, wrong);
    if (!names.insert(node.name).second) wrong.push_back(fmt::format("two nodes are called '{}'", node.name));
    std::set<std::string> devices;
    for (const Device& device : node.devices) {
      kinds.insert(device.kind);
      check_device_name(device, node, wrong);
      if (!devices.insert(device.name).second)
        wrong.push_back(fmt::format("two devices of node '{}' are called '{}'", node.name, device.name));
      if (device.kind.empty())
        wrong.push_back(fmt::format("device '{}' of node '{}' has no kind", device.name, node.name));
    }
  }
}

void check_model(const Model& model, const std::set<std::string>& nodes, const std::set<std::string>& kinds,
                 std::vector<std::string>& wrong) {
  for (const auto* list : {&model.prefer, &model.avoid}) {
    for (const std::string& node : *list) {
      if (!nodes.contains(node))
        wrong.push_back(fmt::format("'{}' names node '{}', which does not exist", model.name, node));
    }
  }
  if (model.needs.empty()) wrong.push_back(fmt::format("'{}' says nothing of what it takes", model.name));
  for (const Need& need : model.needs) {
    if (!need.kind.empty() && !kinds.contains(need.kind))
      wrong.push_back(
          fmt::format("'{}' is planned for devices of kind '{}', and no node has one", model.name, need.kind));
  }
  if (!std::isfinite(model.use) || model.use < 0)
    wrong.push_back(fmt::format("the use of '{}' is {}, which is not an amount", model.name, model.use));
}

}  // namespace

std::vector<std::string> contradictions(const Cluster& cluster) {
  std::vector<std::string> wrong;
  std::set<std::string> nodes;
  std::set<std::string> kinds;
  check_nodes(cluster, nodes, kinds, wrong);
  std::set<std::string> models;
  for (const Model& model : cluster.models) {
    if (model.name.empty()) wrong.emplace_back("a model has no name");
    if (!models.insert(model.name).second) wrong.push_back(fmt::format("two models are called '{}'", model.name));
    check_model(model, nodes, kinds, wrong);
  }
  return wrong;
}

}  // namespace plimsoll::place
