#include "host/eviction_policies.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

namespace plimsoll::host {
namespace {

double idle_s(const Candidate& candidate, Clock::TimePoint now) {
  return std::max(0.0, std::chrono::duration<double>(now - candidate.last_used).count());
}

// Whoever was not used for longest goes first, whatever it costs to load it again and whatever its priority.
class LeastRecentlyUsed final : public EvictionPolicy {
 public:
  [[nodiscard]] double regret(const Candidate& candidate, Clock::TimePoint now) const override {
    return 1 / (0.01 + idle_s(candidate, now));
  }
};

// Whoever is back soonest goes first, however long the others have been idle; each step of priority doubles its time.
class QuickestReload final : public EvictionPolicy {
 public:
  [[nodiscard]] double regret(const Candidate& candidate, Clock::TimePoint /*now*/) const override {
    return std::chrono::duration<double>(candidate.reload_time).count() * std::exp2(candidate.priority);
  }
};

// A lower priority goes first, whatever it costs; among equals it is as by default.
class LowestPriority final : public EvictionPolicy {
 public:
  [[nodiscard]] double regret(const Candidate& candidate, Clock::TimePoint now) const override {
    Candidate plain = candidate;
    plain.priority = 0;
    return Balanced{}.regret(plain, now) * std::pow(kStep, candidate.priority);
  }

 private:
  // More than the default policy can put between two models: a minute to load against 10 ms, in use against a month.
  static constexpr double kStep = 1e14;
};

}  // namespace

const std::vector<std::string>& eviction_policy_names() {
  static const std::vector<std::string> kNames{kDefaultEviction, "lru", "reload-time", "priority"};
  return kNames;
}

std::shared_ptr<const EvictionPolicy> eviction_policy(std::string_view name) {
  if (name == kDefaultEviction) return std::make_shared<Balanced>();
  if (name == "lru") return std::make_shared<LeastRecentlyUsed>();
  if (name == "reload-time") return std::make_shared<QuickestReload>();
  if (name == "priority") return std::make_shared<LowestPriority>();
  return nullptr;
}

std::string unknown_eviction_policy(std::string_view name) {
  return fmt::format("unknown eviction policy '{}'; there are {}", name, fmt::join(eviction_policy_names(), ", "));
}

}  // namespace plimsoll::host
