#include <plimsoll/host/eviction.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <tuple>

namespace plimsoll::host {
namespace {

// Sets are tried by size. Beyond this many, the remaining ones are not: the cheapest are then taken one by one.
constexpr int kMostSets = 5000;

struct Weighed {
  std::string name;
  double regret;
};

std::vector<std::string> names(const std::vector<Weighed>& all, const std::vector<std::size_t>& chosen) {
  std::vector<std::string> out;
  for (const std::size_t index : chosen) out.push_back(all[index].name);
  std::ranges::sort(out);
  return out;
}

// The next combination of `chosen.size()` of `count`, in lexicographic order; false after the last.
bool next_combination(std::vector<std::size_t>& chosen, std::size_t count) {
  for (std::size_t i = chosen.size(); i-- > 0;) {
    if (chosen[i] + (chosen.size() - i) < count) {
      std::iota(chosen.begin() + static_cast<std::ptrdiff_t>(i), chosen.end(), chosen[i] + 1);
      return true;
    }
  }
  return false;
}

class Search {
 public:
  Search(const std::vector<Weighed>& all, const std::function<bool(const std::vector<std::string>&)>& fits)
      : all_(all), fits_(fits) {}

  // The least missed of the sufficient sets of that size.
  std::optional<std::vector<std::string>> of_size(std::size_t size) {
    std::optional<std::vector<std::string>> best;
    double least = 0;
    std::vector<std::size_t> chosen(size);
    std::iota(chosen.begin(), chosen.end(), std::size_t{0});
    do {
      double regret = 0;
      for (const std::size_t index : chosen) regret += all_[index].regret;
      if (best && regret > least) continue;
      if (++tried_ > kMostSets) break;
      std::vector<std::string> set = names(all_, chosen);
      if (!fits_(set) || (best && regret == least && set > *best)) continue;
      best = std::move(set);
      least = regret;
    } while (next_combination(chosen, all_.size()));
    return best;
  }

  [[nodiscard]] bool exhausted() const { return tried_ > kMostSets; }

  // One by one, the least missed first, until it fits; then those that turn out not to be needed come back.
  std::vector<std::string> greedy() {
    std::vector<std::string> gone;
    for (const Weighed& one : all_) {
      gone.push_back(one.name);
      if (fits_(gone)) break;
    }
    for (std::size_t i = gone.size(); i-- > 0;) {
      std::vector<std::string> without = gone;
      without.erase(without.begin() + static_cast<std::ptrdiff_t>(i));
      if (fits_(without)) gone = std::move(without);
    }
    std::ranges::sort(gone);
    return gone;
  }

 private:
  const std::vector<Weighed>& all_;
  const std::function<bool(const std::vector<std::string>&)>& fits_;
  int tried_ = 0;
};

}  // namespace

double LeastRecentlyUsed::regret(const Candidate& candidate, Clock::TimePoint now) const {
  const double reload_s = std::chrono::duration<double>(candidate.reload_time).count();
  const double idle_s = std::max(0.0, std::chrono::duration<double>(now - candidate.last_used).count());
  return (0.01 + reload_s) * std::exp2(candidate.priority) / (0.01 + idle_s);
}

std::optional<std::vector<std::string>> choose_victims(
    std::vector<Candidate> candidates, const EvictionPolicy& policy, Clock::TimePoint now,
    const std::function<bool(const std::vector<std::string>& gone)>& fits) {
  std::vector<Weighed> all;
  for (Candidate& one : candidates) all.push_back({.name = one.name, .regret = policy.regret(one, now)});
  std::ranges::sort(
      all, [](const Weighed& a, const Weighed& b) { return std::tie(a.regret, a.name) < std::tie(b.regret, b.name); });
  if (fits({})) return std::vector<std::string>{};
  std::vector<std::string> everyone;
  for (const Weighed& one : all) everyone.push_back(one.name);
  if (!fits(everyone)) return std::nullopt;
  Search search(all, fits);
  for (std::size_t size = 1; size <= all.size(); ++size) {
    if (auto found = search.of_size(size)) return found;
    if (search.exhausted()) break;
  }
  return search.greedy();
}

}  // namespace plimsoll::host
