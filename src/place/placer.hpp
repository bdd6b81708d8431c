// Placer: the work of place(). Private to this part.
#pragma once
#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "place/placement.hpp"

#include "free_space.hpp"

namespace plimsoll::place {

class Placer {
 public:
  Placer(const Cluster& cluster, const std::vector<Placed>& before);
  Placement run();

 private:
  struct Replica {
    std::size_t model = 0;
    unsigned number = 0;
    std::optional<Spot> spot{};
    std::size_t need = 0;            // which of the model's, where it is placed
    const Placed* before = nullptr;  // where it was
  };
  using Id = std::size_t;  // of a replica
  // Replicas that must go from a spot so that another one fits there.
  struct Room {
    Spot spot{};
    std::size_t need = 0;
    std::vector<Id> without{};
    int highest_priority = 0;
    Bytes bytes{};
  };

  void index_names(const std::vector<Placed>& before);
  void keep_what_can_stay();
  void place_the_rest();
  [[nodiscard]] bool place_somewhere(Id id);
  [[nodiscard]] bool place_by_moving(Id id);
  [[nodiscard]] bool place_by_sending_away(Id id);
  void put(Id id, const Spot& spot, std::size_t need);
  void remove(Id id);

  [[nodiscard]] bool may_go(const Replica& replica, std::size_t node) const;
  [[nodiscard]] std::optional<Spot> spot_before(const Placed& before) const;
  [[nodiscard]] std::optional<std::size_t> need_at(const Model& model, const Spot& spot) const;
  // The least that must go for it, of what `may_be_sent` says; spots are looked at from the widest on.
  template <class MayBeSent>
  [[nodiscard]] std::optional<Room> room_for(Id id, std::size_t spots, MayBeSent may_be_sent) const;
  [[nodiscard]] Missing missing(Id id) const;
  [[nodiscard]] Placed placed(const Replica& replica) const;
  [[nodiscard]] const Model& model_of(const Replica& replica) const { return cluster_.models[replica.model]; }
  [[nodiscard]] const Need& need_of(const Replica& replica) const { return model_of(replica).needs[replica.need]; }
  [[nodiscard]] std::string name_of(Id id) const;

  struct ComesFirst {
    const Placer* placer;
    bool operator()(Id a, Id b) const;
  };

  const Cluster& cluster_;
  FreeSpace space_;
  std::map<std::string, std::size_t> nodes_;
  std::vector<Replica> replicas_;
  std::vector<std::set<std::size_t>> avoided_;        // by model
  std::vector<std::multiset<std::size_t>> nodes_of_;  // by model: where its replicas are
  std::map<Spot, std::set<Id>> residents_;
  std::map<int, std::size_t> placed_by_priority_;
  std::set<Id, ComesFirst> waiting_;
  std::vector<Id> without_place_;
  Bytes had_to_move_{};
  Bytes moved_for_others_{};
};

// What a replica counts: bytes of its device, or of the host where it has none.
[[nodiscard]] inline Bytes weight(const Need& need) { return need.kind.empty() ? need.host : need.device; }

}  // namespace plimsoll::place
