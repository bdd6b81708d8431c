// Serving: how the models of a cluster are served, as values; what the files of other programs are made of.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "place/placement.hpp"

namespace plimsoll::place {

inline constexpr Bytes kBeside{std::uint64_t{256} << 20U};
inline constexpr unsigned kPortsOfReplicas = 10'000;

// The table [serve] of a cluster file.
struct Serving {
  std::string program = "plimsoll";    // on the nodes
  std::vector<std::string> options{};  // of `plimsoll serve`, beside address and port
  std::uint16_t port = 8080;           // of a node's server, and of one in a container
  std::uint16_t first_port = 20'000;   // of servers of one replica: kPortsOfReplicas of them from there on
  std::uint16_t front_port = 8000;     // where clients ask
  std::string front_certificate{};     // of the front, with its key, a file there; empty: no TLS
  Bytes beside = kBeside;  // of its node's memory, what the server of one replica takes beside the plan: requests, kept
                           // prompts, the program itself
  std::string partition{};      // of Slurm; empty: its default
  std::string image{};          // of containers
  std::string name_space{};     // of Kubernetes; empty: its default
  std::string runtime_class{};  // of containers with devices; empty: none is named
  friend bool operator==(const Serving&, const Serving&) = default;
};

struct ServedModel {
  std::vector<std::string> names{};    // beside its own: aliases, presets and theirs
  std::uint32_t slots = 1;             // requests that it answers at once
  std::uint32_t threads = 1;           // that it computes with
  std::vector<std::string> folders{};  // that its files lie in
  friend bool operator==(const ServedModel&, const ServedModel&) = default;
};

// Of a server of one replica alone.
struct ServedFleet {
  std::string text;      // its fleet file
  std::string settings;  // that without its bytes: those change when a plan's estimates have been measured
  friend bool operator==(const ServedFleet&, const ServedFleet&) = default;
};

struct ServedCluster {
  Cluster cluster{};
  Placement placement{};
  Serving serving{};
  std::vector<ServedModel> models{};  // of cluster.models, in their order
  std::vector<ServedFleet> fleets{};  // of placement.placed, in its order
};

struct RenderedFile {
  std::string name;
  std::string text;
  bool is_program = false;
  friend bool operator==(const RenderedFile&, const RenderedFile&) = default;
};

}  // namespace plimsoll::place
