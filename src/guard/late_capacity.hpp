// LateCapacity: what a context that is ready may still take.
#pragma once
#include <mutex>
#include <set>
#include <string>

#include "memory/capacity.hpp"
#include "memory/ledger.hpp"
#include "memory/seal.hpp"

namespace plimsoll::guard {

// An owner that is sealed takes from its reservation. Beyond it a card refuses an owner that is held to it; on the
// host, and to other owners, what the budget lets through is granted and counted. Any thread.
class LateCapacity final : public memory::CapacityAdaptor {
 public:
  LateCapacity(memory::AnyCapacity& next, memory::Ledger& ledger, memory::Seal& seal)
      : CapacityAdaptor(next), sealed_(next, ledger, seal), seal_(seal) {}

  // Once it is sealed, it gets no more than its reservation holds.
  void hold(const std::string& owner);
  void let_grow(const std::string& owner);

  [[nodiscard]] std::expected<void, memory::Refusal> try_acquire(const memory::Tag& tag, Bytes bytes) override;

 private:
  [[nodiscard]] bool is_held(const std::string& owner) const;

  memory::SealedCapacity sealed_;
  memory::Seal& seal_;
  mutable std::mutex mutex_;
  std::set<std::string> held_;
};

}  // namespace plimsoll::guard
