// Placement: which model goes to which node and device, and what does not fit.
#pragma once
#include <string>
#include <vector>

#include "place/cluster.hpp"

namespace plimsoll::place {

// One replica in its place, by names, so that it means the same in a cluster that has changed.
struct Placed {
  std::string model;
  unsigned replica = 0;  // from 0
  std::string node;
  std::string device{};  // empty: it computes on the host
  Need need{};
  bool is_new = true;  // it was not there before
  friend bool operator==(const Placed&, const Placed&) = default;
};

// What would make room for a replica that has no place.
struct WayOut {
  enum class Kind {
    other_need,  // the model with other flags
    smaller,     // the largest free capacity is so much too small
    more_host,   // a device has room, its node's memory has not
    instead_of,  // without these replicas of the same or a lower priority
    other_node,  // a node that it avoids, or that has a replica of it already, has room
  };
  Kind kind = Kind::smaller;
  std::string node{};
  std::string device{};
  std::string flags{};
  Bytes bytes{};  // of smaller and more_host: how much is missing
  std::vector<std::string> models{};
  friend bool operator==(const WayOut&, const WayOut&) = default;
};
[[nodiscard]] std::string to_sentence(const WayOut& way);

struct Missing {
  std::string model;
  unsigned replica = 0;
  std::vector<WayOut> ways_out{};
  friend bool operator==(const Missing&, const Missing&) = default;
};

struct Placement {
  std::vector<Placed> placed{};  // in the order of models and replicas
  std::vector<Missing> missing{};
  Bytes taken{};        // of devices; of models on the host, of hosts
  Bytes had_to_move{};  // of replicas that were there before and whose place is gone
  Bytes moved{};        // of replicas that were there before and are somewhere else now: they are loaded again
  Bytes stopped{};      // of replicas that were there before and have no place any more
  friend bool operator==(const Placement&, const Placement&) = default;
};

// Pure, and the same for the same input. `before`: where replicas are now. They stay where they can, so that as few
// bytes move as possible; to make room for one that has lost its place, others of the same priority move while they are
// at most a tenth of what had to move, and those of a lower priority go. What needs a place comes in this order: the
// highest priority, what has lost its place, what is used most, what is largest. Each goes where the least stays free.
// Throws Error{usage} where the cluster contradicts itself (contradictions()).
[[nodiscard]] Placement place(const Cluster& cluster, const std::vector<Placed>& before = {});

}  // namespace plimsoll::place
