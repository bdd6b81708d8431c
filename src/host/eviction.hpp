// eviction: which models have to go so that another one fits.
//
// A policy is one function: how much each candidate would be missed. A host has the one that its fleet names
// (eviction_policies.hpp), or an object of a class derived from EvictionPolicy (host::HostOptions::policy).
#pragma once
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"

namespace plimsoll::host {

// A model that could go: resident, not pinned.
struct Candidate {
  std::string name;
  Clock::TimePoint last_used{};           // end of its last lease; now, while it has one
  std::chrono::milliseconds reload_time;  // measured, else an estimate
  int priority = 0;                       // the fleet's: higher stays longer
};

class EvictionPolicy {
 public:
  virtual ~EvictionPolicy() = default;
  // How much the candidate would be missed, >= 0; of sets of equal size the one with the smallest sum goes.
  // Called on any thread, with the host's lock held: it must be quick and must not call the host. What it throws is an
  // error for the requests that wait for memory.
  [[nodiscard]] virtual double regret(const Candidate& candidate, Clock::TimePoint now) const = 0;
};

// What a policy says, in an order: what is no number (a NaN) counts as missed most.
[[nodiscard]] double regret_of(const Candidate& candidate, const EvictionPolicy& policy, Clock::TimePoint now);

// The default, "balanced": the time to load it again, doubled for each step of priority, over the time it has been
// idle. Among models that load equally fast and matter equally, the least recently used goes first.
class Balanced final : public EvictionPolicy {
 public:
  [[nodiscard]] double regret(const Candidate& candidate, Clock::TimePoint now) const override;
};

// Whether the newcomer fits while some of the candidates are gone. Candidates by their index; none is gone at first.
class EvictionTrial {
 public:
  virtual ~EvictionTrial() = default;
  virtual void remove(std::size_t candidate) = 0;
  virtual void restore(std::size_t candidate) = 0;
  // Must not turn to false as more are removed.
  [[nodiscard]] virtual bool fits() const = 0;
};

// The smallest set of candidates without which the newcomer fits; of several the one that is missed least, then the one
// whose names come first. Empty where not even all of them help; an empty set where nobody has to go. Where there are
// more sets than can be tried (some thousands), the set suffices and holds nobody in vain, and may not be the smallest.
// `trial` is left as it is at the end.
[[nodiscard]] std::optional<std::vector<std::string>> choose_victims(const std::vector<Candidate>& candidates,
                                                                     const EvictionPolicy& policy, Clock::TimePoint now,
                                                                     EvictionTrial& trial);

}  // namespace plimsoll::host
