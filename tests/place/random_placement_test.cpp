// Whatever the cluster: nothing holds more than it may, nothing is placed twice, and what stays out has no room.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <set>

#include "place/placement.hpp"

namespace plimsoll::place {
namespace {

Cluster any_cluster() {
  const auto amount = [](int most) { return Bytes{static_cast<std::uint64_t>(*rc::gen::inRange(0, most)) << 20U}; };
  Cluster cluster;
  const int nodes = *rc::gen::inRange(0, 6);
  for (int n = 0; n < nodes; ++n) {
    Node& node = cluster.nodes.emplace_back();
    node.name = "n" + std::to_string(n);
    node.host = amount(60);
    node.is_down = *rc::gen::inRange(0, 6) == 0;
    const int devices = *rc::gen::inRange(0, 4);
    for (int d = 0; d < devices; ++d)
      node.devices.push_back({.name = "d" + std::to_string(d),
                              .kind = *rc::gen::element<std::string>("a", "b"),
                              .budget = amount(100),
                              .is_down = *rc::gen::inRange(0, 8) == 0});
  }
  cluster.nodes.push_back(
      {.name = "kinds",
       .devices = {{.name = "a", .kind = "a", .is_down = true}, {.name = "b", .kind = "b", .is_down = true}},
       .is_down = true});
  const int models = *rc::gen::inRange(0, 12);
  for (int m = 0; m < models; ++m) {
    Model& model = cluster.models.emplace_back();
    model.name = "m" + std::to_string(m);
    model.priority = *rc::gen::inRange(-1, 2);
    model.use = *rc::gen::inRange(0, 3);
    model.replicas = *rc::gen::inRange(0U, 4U);
    for (const char* kind : {"a", "b", ""}) {
      const bool has = *rc::gen::inRange(0, 2) == 0;
      if (has) model.needs.push_back({.kind = kind, .device = *kind != '\0' ? amount(60) : 0_B, .host = amount(20)});
    }
    if (model.needs.empty()) model.needs.push_back({.kind = "a", .device = amount(60)});
    if (nodes > 0 && *rc::gen::inRange(0, 3) == 0) model.avoid = {"n" + std::to_string(*rc::gen::inRange(0, nodes))};
  }
  return cluster;
}

void check(const Cluster& cluster, const Placement& placement) {
  std::map<std::string, Bytes> hosts;
  std::map<std::pair<std::string, std::string>, Bytes> devices;
  std::set<std::pair<std::string, unsigned>> seen;
  std::map<std::string, std::multiset<std::string>> nodes_of;
  std::size_t replicas = 0;
  for (const Model& model : cluster.models) replicas += model.replicas;
  RC_ASSERT(placement.placed.size() + placement.missing.size() == replicas);
  for (const Placed& one : placement.placed) {
    RC_ASSERT(seen.emplace(one.model, one.replica).second);
    hosts[one.node] += one.need.host;
    devices[{one.node, one.device}] += one.need.device;
    nodes_of[one.model].insert(one.node);
  }
  for (const Missing& one : placement.missing) RC_ASSERT(seen.emplace(one.model, one.replica).second);
  for (const Node& node : cluster.nodes) {
    RC_ASSERT(hosts[node.name] <= node.host);
    RC_ASSERT(!node.is_down || hosts[node.name] == Bytes{});
    for (const Device& device : node.devices) {
      RC_ASSERT((devices[{node.name, device.name}]) <= device.budget);
      RC_ASSERT(!(device.is_down || node.is_down) || (devices[{node.name, device.name}]) == Bytes{});
    }
  }
  for (const Model& model : cluster.models) {
    for (const std::string& avoided : model.avoid) RC_ASSERT(!nodes_of[model.name].contains(avoided));
    if (model.replicas > cluster.nodes.size()) continue;
    for (const std::string& node : nodes_of[model.name]) RC_ASSERT(nodes_of[model.name].count(node) == 1U);
  }
}

RC_GTEST_PROP(RandomPlacementTest, HoldsWhatEveryNodeAndModelSays, ()) {
  const Cluster cluster = any_cluster();
  const Placement first = place(cluster);
  check(cluster, first);
  RC_ASSERT(place(cluster) == first);
  Cluster changed = cluster;
  for (Node& node : changed.nodes) node.is_down = node.name == "kinds" || *rc::gen::inRange(0, 4) == 0;
  const Placement second = place(changed, first.placed);
  check(changed, second);
  // What could stay and did not, went for a higher priority or for what had to move.
  RC_ASSERT(place(changed, second.placed).moved == Bytes{});
}

}  // namespace
}  // namespace plimsoll::place
