// serving_names: what replicas and their devices are called in the files of other programs. Private to this part.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "place/serving.hpp"

namespace plimsoll::place {

// A name as it may stand in a host's name, a job's, a file's and an object's of Kubernetes: a-z, 0-9 and '-', 40 at
// most. Where that loses something of it a hash of the name follows, so that no two become one.
[[nodiscard]] std::string plain_name(std::string_view name);

// Of a text that becomes a part of another program's file, so that another text makes another job or pod: 16 digits.
[[nodiscard]] std::string hash_of(std::string_view text);

// Devices of one kind and one name on their nodes: what Slurm and Kubernetes count. "h100-CUDA0".
[[nodiscard]] std::string resource_of(const std::string& kind, const std::string& device);

// By model and replica. It follows from the two, so that other models' come and go without changing it, unless two
// meet: then the later one goes on to the next that is free.
using Ports = std::map<std::pair<std::string, unsigned>, std::uint16_t>;
[[nodiscard]] Ports ports_of(const ServedCluster& served);

// Replicas of one model that take the same of the same sort of device: one script, one Deployment.
struct Alike {
  const Model* model = nullptr;
  const ServedModel* served = nullptr;
  std::vector<const Placed*> replicas{};
  const ServedFleet* fleet = nullptr;
  std::string name{};  // plain, and its own: "chat", "chat-2" where its replicas are not all alike
};
[[nodiscard]] std::vector<Alike> alike_replicas(const ServedCluster& served);

// Where a replica like these may stand: the nodes that its model does not avoid and that could hold it.
[[nodiscard]] std::vector<const Node*> nodes_for(const ServedCluster& served, const Alike& alike);
// Without those that another replica of the model has, as far as there are nodes: two that share one are lost together.
[[nodiscard]] std::vector<const Node*> nodes_for(const ServedCluster& served, const Alike& alike,
                                                 const Placed& replica);

[[nodiscard]] inline const std::string& address_of(const Node& node) {
  return node.address.empty() ? node.name : node.address;
}

// Throws Error{usage}, with all of the sentences, where there are any.
void require_none(const std::vector<std::string>& wrong, std::string_view what);

}  // namespace plimsoll::place
