// Placing models on a made-up cluster: how long it takes, how much of the devices is used, how much moves when some of
// them are lost. placement MODELS DEVICES LOST WANTED; one JSON object. WANTED: what models take together, of what
// there is.
#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <random>

#include "place/placement.hpp"

namespace {

using namespace plimsoll;
using place::Cluster;
using place::Placement;

constexpr std::size_t kDevicesOfANode = 4;
constexpr std::array<std::uint64_t, 3> kSizes{24, 48, 80};  // GiB

// Nodes of one kind of device each; models of 1 to 24 GiB, most of them small, which want `wanted` times what there is.
Cluster made_up(std::size_t models, std::size_t devices, double wanted) {
  std::mt19937_64 random(7);
  Cluster cluster;
  double capacity = 0;
  for (std::size_t d = 0; d < devices; ++d) {
    const std::uint64_t gib = kSizes[(d / kDevicesOfANode) % kSizes.size()];
    if (d % kDevicesOfANode == 0)
      cluster.nodes.push_back({.name = "n" + std::to_string(d / kDevicesOfANode), .host = 512_GiB});
    cluster.nodes.back().devices.push_back({.name = "CUDA" + std::to_string(d % kDevicesOfANode),
                                            .kind = std::to_string(gib) + "GiB",
                                            .budget = Bytes{gib << 30U}});
    capacity += static_cast<double>(gib << 30U);
  }
  std::lognormal_distribution<double> size(0, 0.8);
  std::vector<double> sizes(models);
  for (double& one : sizes) one = size(random);
  double sum = 0;
  for (const double one : sizes) sum += one;
  for (std::size_t m = 0; m < models; ++m) {
    const double bytes =
        std::clamp(sizes[m] / sum * capacity * wanted, double(1U << 20U), double(std::uint64_t{23} << 30U));
    place::Model& model = cluster.models.emplace_back();
    model.name = "m" + std::to_string(m);
    model.priority = static_cast<int>(random() % 3);
    for (const std::uint64_t gib : kSizes)
      model.needs.push_back(
          {.kind = std::to_string(gib) + "GiB", .device = Bytes{static_cast<std::uint64_t>(bytes)}, .host = 256_MiB});
  }
  return cluster;
}

template <class Work>
double seconds_of(Work&& work) {
  std::vector<double> took;
  for (int i = 0; i < 5; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    work();
    took.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  std::ranges::nth_element(took, took.begin() + 2);
  return took[2];
}

// Of the relaxation in which models may be cut: no placement of whole ones uses more.
double bound(const Cluster& cluster) {
  double capacity = 0;
  double wanted = 0;
  for (const place::Node& node : cluster.nodes) {
    for (const place::Device& device : node.devices) capacity += static_cast<double>(device.budget.value());
  }
  for (const place::Model& model : cluster.models)
    wanted += static_cast<double>(model.needs.front().device.value()) * model.replicas;
  return std::min(capacity, wanted);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  const auto count = [&](int at) { return static_cast<std::size_t>(std::strtoull(argv[at], nullptr, 10)); };
  Cluster cluster = made_up(count(1), count(2), std::strtod(argv[4], nullptr));
  Placement first;
  const double placing = seconds_of([&] { first = place::place(cluster); });
  const double used = static_cast<double>(first.taken.value()) / bound(cluster);
  std::mt19937_64 random(11);
  for (std::size_t lost = 0; lost < count(3);) {
    place::Node& node = cluster.nodes[random() % cluster.nodes.size()];
    place::Device& device = node.devices[random() % node.devices.size()];
    lost += device.is_down ? 0 : 1;
    device.is_down = true;
  }
  Placement second;
  const double again = seconds_of([&] { second = place::place(cluster, first.placed); });
  const nlohmann::json result{{"placed", first.placed.size()},
                              {"missing", first.missing.size()},
                              {"place_s", placing},
                              {"used_of_bound", used},
                              {"replace_s", again},
                              {"had_to_move", second.had_to_move.value()},
                              {"moved", second.moved.value()},
                              {"stopped", second.stopped.value()},
                              {"missing_after", second.missing.size()}};
  std::puts(result.dump(1).c_str());
  return 0;
}
