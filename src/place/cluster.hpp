// Cluster: machines with devices, and models that are to be served by them, as values. Nothing here asks a machine.
#pragma once
#include <cstddef>
#include <string>
#include <vector>

#include <plimsoll/base/bytes.hpp>

namespace plimsoll::place {

struct Device {
  std::string name;      // on its node: "CUDA0"
  std::string kind;      // devices of one kind take the same bytes for the same model: "h100"
  Bytes budget{};        // what may be taken of it
  bool is_down = false;  // it is known, and nothing goes there
  friend bool operator==(const Device&, const Device&) = default;
};

struct Node {
  std::string name;
  Bytes host{};  // what may be taken of its own memory
  std::vector<Device> devices{};
  bool is_down = false;   // with all its devices
  std::string address{};  // where it is reached; empty: by its name
  unsigned cpus = 0;      // that models may compute with; 0: not told
  friend bool operator==(const Node&, const Node&) = default;
};

// What one replica takes: of one device of that kind, and of the memory of the node that has it.
struct Need {
  std::string kind{};  // empty: of no device, it computes on the host
  Bytes device{};
  Bytes host{};
  friend bool operator==(const Need&, const Need&) = default;
};

// Another configuration of a model, for a way out where it does not fit.
struct OtherNeed {
  std::string flags;  // "-c 16384"
  Need need;
  friend bool operator==(const OtherNeed&, const OtherNeed&) = default;
};

struct Model {
  std::string name;
  std::vector<Need> needs{};  // one for each kind that it may go to, the best first
  std::vector<OtherNeed> others{};
  unsigned replicas = 1;  // on different nodes, as far as there are nodes
  int priority = 0;       // where not everything fits, the higher stays
  double use = 1;  // expected requests, in any unit that is the same for all; of equal priority, more comes first
  std::vector<std::string> prefer{};  // nodes, where there is a choice
  std::vector<std::string> avoid{};   // nodes, never
  friend bool operator==(const Model&, const Model&) = default;
};

struct Cluster {
  std::vector<Node> nodes{};
  std::vector<Model> models{};
  friend bool operator==(const Cluster&, const Cluster&) = default;
};

// One sentence for each thing that contradicts itself: a name or an address twice, a name that is none, a node that is
// named and does not exist, a need of a kind that no node has, a use that is no amount. Empty: it can be placed.
[[nodiscard]] std::vector<std::string> contradictions(const Cluster& cluster);

}  // namespace plimsoll::place
