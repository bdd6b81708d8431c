#include "host/eviction.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>

namespace plimsoll::host {
namespace {

// Sets are tried by size. After this many steps the remaining ones are not: the least missed are taken one by one.
constexpr int kMostSteps = 10'000;

struct Weighed {
  std::size_t candidate;
  double regret;
};

class Search {
 public:
  Search(const std::vector<Candidate>& candidates, std::vector<Weighed> by_regret, EvictionTrial& trial)
      : candidates_(candidates), all_(std::move(by_regret)), trial_(trial) {}

  [[nodiscard]] std::optional<std::vector<std::string>> run() {
    if (trial_.fits()) return std::vector<std::string>{};
    for (const Weighed& one : all_) trial_.remove(one.candidate);
    const bool helps = trial_.fits();
    for (const Weighed& one : all_) trial_.restore(one.candidate);
    if (!helps) return std::nullopt;
    for (std::size_t size = 1; size <= all_.size() && steps_ < kMostSteps; ++size) {
      extend(0, size, 0);
      if (best_) return best_;
    }
    return one_by_one();
  }

 private:
  // All sets of `chosen_` and `more` others from `first` on. What follows in a branch is missed at least as much.
  void extend(std::size_t first, std::size_t more, double regret) {
    if (more == 0) return consider(regret);
    for (std::size_t i = first; i + more <= all_.size(); ++i) {
      if (++steps_ > kMostSteps) return;
      double least = regret;
      for (std::size_t j = 0; j < more; ++j) least += all_[i].regret;
      if (best_ && least > best_regret_) return;
      trial_.remove(all_[i].candidate);
      chosen_.push_back(all_[i].candidate);
      extend(i + 1, more - 1, regret + all_[i].regret);
      chosen_.pop_back();
      trial_.restore(all_[i].candidate);
    }
  }

  void consider(double regret) {
    if ((best_ && regret > best_regret_) || !trial_.fits()) return;
    std::vector<std::string> set = names();
    if (best_ && regret == best_regret_ && set > *best_) return;
    best_ = std::move(set);
    best_regret_ = regret;
  }

  // The least missed first, until it fits; then those that turn out not to be needed come back.
  [[nodiscard]] std::vector<std::string> one_by_one() {
    for (const Weighed& one : all_) {
      trial_.remove(one.candidate);
      chosen_.push_back(one.candidate);
      if (trial_.fits()) break;
    }
    for (std::size_t i = chosen_.size(); i-- > 0;) {
      trial_.restore(chosen_[i]);
      if (trial_.fits())
        chosen_.erase(chosen_.begin() + static_cast<std::ptrdiff_t>(i));
      else
        trial_.remove(chosen_[i]);
    }
    return names();
  }

  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const std::size_t candidate : chosen_) out.push_back(candidates_[candidate].name);
    std::ranges::sort(out);
    return out;
  }

  const std::vector<Candidate>& candidates_;
  std::vector<Weighed> all_;  // least missed first
  EvictionTrial& trial_;
  std::vector<std::size_t> chosen_;  // removed from the trial
  std::optional<std::vector<std::string>> best_;
  double best_regret_ = 0;
  int steps_ = 0;
};

}  // namespace

double Balanced::regret(const Candidate& candidate, Clock::TimePoint now) const {
  const double reload_s = std::chrono::duration<double>(candidate.reload_time).count();
  const double idle_s = std::max(0.0, std::chrono::duration<double>(now - candidate.last_used).count());
  return (0.01 + reload_s) * std::exp2(candidate.priority) / (0.01 + idle_s);
}

// A NaN is neither before nor behind anything: no order to sort by.
double regret_of(const Candidate& candidate, const EvictionPolicy& policy, Clock::TimePoint now) {
  const double regret = policy.regret(candidate, now);
  return std::isnan(regret) ? std::numeric_limits<double>::infinity() : regret;
}

std::optional<std::vector<std::string>> choose_victims(const std::vector<Candidate>& candidates,
                                                       const EvictionPolicy& policy, Clock::TimePoint now,
                                                       EvictionTrial& trial) {
  std::vector<Weighed> all;
  for (std::size_t i = 0; i < candidates.size(); ++i)
    all.push_back({.candidate = i, .regret = regret_of(candidates[i], policy, now)});
  std::ranges::sort(all, [&](const Weighed& a, const Weighed& b) {
    return std::tie(a.regret, candidates[a.candidate].name) < std::tie(b.regret, candidates[b.candidate].name);
  });
  return Search(candidates, std::move(all), trial).run();
}

}  // namespace plimsoll::host
