// KeptModels: weights of models that have gone, kept in host memory within a budget, so that they come back without
// their file.
#pragma once
#include <list>
#include <memory>
#include <string>

#include <plimsoll/base/bytes.hpp>
#include "base/mutex.hpp"
#include "engine/model.hpp"
#include "tracker/kept_weights.hpp"

namespace plimsoll::host {

struct KeptBytes {
  Bytes copies;  // of weights on accelerators: in the ledger under tracker::KeptWeights::kOwner
  Bytes models;  // whose weights are the host's own: in the ledger under their names
  [[nodiscard]] Bytes all() const { return copies + models; }
};

// Any thread; one lock, not held while anything is freed. What is kept is in nobody's way: see give_way().
class KeptModels {
 public:
  // One of the two.
  struct Entry {
    std::shared_ptr<const tracker::KeptWeights> copy{};  // stays when the model comes back
    std::shared_ptr<engine::Model> model{};              // is the model when it comes back
    Bytes size{};                                        // what it takes of the budget
  };

  explicit KeptModels(Bytes budget) : budget_(budget) {}

  [[nodiscard]] bool is_on() const;
  // From now on; what is beyond it leaves.
  void set_budget(Bytes budget);
  // The longest unused leave until so much is free of the budget. False: it is more than all of it, and nothing left.
  bool make_room(Bytes wanted);
  // In the place of what was kept under that name. Who asked for room before is within the budget.
  void keep(const std::string& name, Entry kept);
  // Null: there is none. It is the last to leave now.
  [[nodiscard]] std::shared_ptr<const tracker::KeptWeights> copy_of(const std::string& name);
  [[nodiscard]] std::shared_ptr<engine::Model> take_model(const std::string& name);
  [[nodiscard]] Bytes size_of_model(const std::string& name) const;  // 0: it is not kept

  // Others need the host's memory: the longest unused leave until that much is free, `but` never. What was freed.
  Bytes give_way(Bytes wanted, const std::string& but = {});
  void forget(const std::string& name);
  void clear();
  [[nodiscard]] KeptBytes held() const;

 private:
  struct Item {
    std::string name;
    Entry kept;
  };
  using Items = std::list<Item>;
  [[nodiscard]] Items::iterator find(const std::string& name) PLIMSOLL_REQUIRES(mutex_);
  [[nodiscard]] Bytes sum() const PLIMSOLL_REQUIRES(mutex_);

  mutable Mutex mutex_;
  Bytes budget_ PLIMSOLL_GUARDED_BY(mutex_);
  Items items_ PLIMSOLL_GUARDED_BY(mutex_);  // longest unused first
};

}  // namespace plimsoll::host
