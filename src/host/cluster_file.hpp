// cluster_file: machines and the models that they are to serve, as a TOML file.
//
//   [[kind]]                      # devices of one kind take the same bytes for the same model
//   name = "h100"
//   plan-on = "CUDA0"             # the device of this machine that plans are made on
//   runtime = "550MiB"            # what its driver takes for a model, where it is known; else measured or estimated
//
//   [[node]]
//   name = "rack1"
//   host = "200GiB"               # of its memory for models
//   down = false
//   address = "10.0.0.1"          # where it is reached; the default: its name
//   cpus = 32                     # that models may compute with; Slurm needs it
//   [[node.device]]
//   name = "CUDA0"                # as `plimsoll devices` names it there
//   kind = "h100"
//   budget = "76GiB"
//   down = false
//
//   [[model]]                     # the keys of a fleet file, and
//   name = "chat"
//   path = "/models/chat.gguf"    # as every node sees it, and this machine
//   replicas = 2                  # on different nodes
//   use = 3.0                     # expected requests, in any unit
//   kinds = ["h100", "host"]      # where it may go, the best first; the default: every kind, and not a host
//   prefer = ["rack1"]
//   avoid = []
//
//   [serve]                       # how it is served, for the files of other programs: serving_table.hpp
#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/config_file.hpp"
#include "host/fleet.hpp"
#include "place/placement.hpp"
#include "place/serving.hpp"

namespace plimsoll::host {

// The kind of a node's own memory, where a model computes on the CPU.
inline constexpr const char* kHostKind = "host";

struct DeviceKind {
  std::string name;
  std::string plan_on;             // a device of this machine; of kHostKind: "none"
  std::optional<Bytes> runtime{};  // overrules measurement and estimate
};

struct ClusterModel {
  FleetModel model;
  std::vector<std::string> kinds{};  // empty: all that are declared
  std::string keys{};                // its own lines of the file, without those that are about places
};

// `cluster` has a model for each of `models`, in their order, and nothing in their needs yet.
struct ClusterFile {
  place::Cluster cluster{};
  std::vector<DeviceKind> kinds{};
  std::vector<ClusterModel> models{};
  place::Serving serving{};
};

[[nodiscard]] ParsedConfig<ClusterFile> parse_cluster(std::string_view text, const std::filesystem::path& folder);
// Throws WrongConfigFile (usage), Error{io} where it cannot be read.
[[nodiscard]] ClusterFile read_cluster(const std::filesystem::path& path);

// The fleet file of one node: budgets, and the models that are placed there, each on its device and loaded at the
// start. Empty where nothing is placed there.
[[nodiscard]] std::string fleet_file_of(const ClusterFile& file, const place::Placement& placement,
                                        const place::Node& node);
// Of a server of one replica alone: what its plan takes is all that it may have.
[[nodiscard]] place::ServedFleet fleet_file_of(const ClusterFile& file, const place::Placed& replica);

// The cluster as other programs are told of it.
[[nodiscard]] place::ServedCluster served_cluster(const ClusterFile& file, const place::Placement& placement);

}  // namespace plimsoll::host
