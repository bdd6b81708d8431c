#include "host/foreign_watch.hpp"

#include <algorithm>
#include <utility>

namespace plimsoll::host {
namespace {

Bytes in(const AmountsByMemory& amounts, const device::DeviceId& memory) {
  const auto found = amounts.find(memory);
  return found == amounts.end() ? Bytes{} : found->second;
}

bool lies_mostly_in(const StandingModel& model, const device::DeviceId& memory) {
  Bytes all;
  for (const auto& [where, bytes] : model.comes_back) all += bytes;
  const Bytes there = in(model.comes_back, memory);
  return there > Bytes{} && there >= saturating_sub(all, there);
}

// Whether enough comes back without some of them.
class Trial final : public EvictionTrial {
 public:
  Trial(std::vector<Bytes> amounts, Bytes missing) : amounts_(std::move(amounts)), missing_(missing) {}
  void remove(std::size_t candidate) override { back_ += amounts_[candidate]; }
  void restore(std::size_t candidate) override { back_ -= amounts_[candidate]; }
  [[nodiscard]] bool fits() const override { return back_ >= missing_; }

 private:
  std::vector<Bytes> amounts_;
  Bytes missing_;
  Bytes back_;
};

}  // namespace

void ForeignWatch::leave(Bytes leave) {
  leave_ = leave;
  if (leave == Bytes{}) away_.clear();
}

ForeignWatch::Decision ForeignWatch::look(const std::vector<ForeignUse>& memories,
                                          const std::vector<StandingModel>& models, const EvictionPolicy& policy,
                                          Time now) {
  Decision out;
  for (const StandingModel& model : models) {
    if (!model.is_going) away_.erase(model.candidate.name);  // somebody has asked for it
  }
  if (!is_settled(models, now)) {
    for (auto& [where, memory] : memories_) memory.last = memory.grown = std::nullopt;
    return out;
  }
  for (const ForeignUse& use : memories) note(use);
  for (const ForeignUse& use : memories) {
    if (const Bytes missing = missing_of(use, models); missing > Bytes{})
      let_go(out, use, missing, models, policy, now);
  }
  if (out.go.empty()) out.comes_back = returning(memories, policy, now);
  return out;
}

bool ForeignWatch::is_settled(const std::vector<StandingModel>& models, Time now) {
  std::vector<std::string> there;
  for (const StandingModel& model : models) there.push_back(model.candidate.name);
  std::ranges::sort(there);
  const bool is_moving =
      std::exchange(there_, there) != there || std::ranges::any_of(models, &StandingModel::is_coming);
  if (is_moving || (settles_at_ && now < *settles_at_ - kSettling))
    settles_at_ = now + kSettling;  // or a clock set back
  return !settles_at_ || now >= *settles_at_;
}

void ForeignWatch::note(const ForeignUse& use) {
  Memory& memory = memories_[use.memory];
  const auto last = std::exchange(memory.last, use.foreign);
  if (!last) return;
  const Bytes most = std::max(*last, use.foreign);
  memory.least = std::min(memory.least.value_or(most), most);
  memory.grown = saturating_sub(std::min(*last, use.foreign), *memory.least);
}

bool ForeignWatch::has_grown(const device::DeviceId& memory) const {
  const auto known = memories_.find(memory);
  if (known == memories_.end() || !known->second.grown) return false;
  return *known->second.grown >= std::min(kLeastGrowth, Bytes{leave_.value() / 8});
}

// No more than they have taken and have not been given already.
Bytes ForeignWatch::missing_of(const ForeignUse& use, const std::vector<StandingModel>& models) const {
  if (leave_ == Bytes{} || !has_grown(use.memory)) return {};
  Bytes is_short = saturating_sub(leave_, use.free);
  for (const StandingModel& model : models) {
    if (model.is_going) is_short = saturating_sub(is_short, in(model.comes_back, use.memory));
  }
  return std::min(is_short, saturating_sub(*memories_.at(use.memory).grown, given_of(use.memory)));
}

Bytes ForeignWatch::given_of(const device::DeviceId& memory) const {
  Bytes sum;
  for (const auto& [name, away] : away_) sum += in(away.model.comes_back, memory);
  return sum;
}

void ForeignWatch::let_go(Decision& decision, const ForeignUse& use, Bytes missing,
                          const std::vector<StandingModel>& models, const EvictionPolicy& policy, Time now) {
  std::vector<const StandingModel*> may_go;
  std::vector<Candidate> candidates;
  std::vector<Bytes> amounts;
  for (const StandingModel& model : models) {
    if (!model.may_go || model.is_going || !lies_mostly_in(model, use.memory)) continue;
    if (std::ranges::contains(decision.go, model.candidate.name)) continue;
    may_go.push_back(&model);
    candidates.push_back(model.candidate);
    amounts.push_back(in(model.comes_back, use.memory));
  }
  Trial trial(std::move(amounts), missing);
  const auto chosen = choose_victims(candidates, policy, now, trial);
  for (const StandingModel* model : may_go) {
    if (chosen && !std::ranges::contains(*chosen, model->candidate.name)) continue;
    decision.go.push_back(model->candidate.name);
    away_[model->candidate.name] = {.model = *model};
  }
}

bool ForeignWatch::fits(const StandingModel& model, const std::vector<ForeignUse>& memories) const {
  return std::ranges::all_of(model.comes_back, [&](const auto& one) {
    const auto use = std::ranges::find(memories, one.first, &ForeignUse::memory);
    if (use == memories.end() || use->free < one.second || !memories_.at(one.first).grown) return false;
    return use->free - one.second >= leave_ || !has_grown(one.first);
  });
}

std::optional<std::string> ForeignWatch::returning(const std::vector<ForeignUse>& memories,
                                                   const EvictionPolicy& policy, Time now) {
  std::optional<std::string> best;
  double most = 0;
  for (auto& [name, away] : away_) {
    if (!fits(away.model, memories)) {
      away.fits_since.reset();
      continue;
    }
    if (!away.fits_since || now < *away.fits_since) away.fits_since = now;
    if (now - *away.fits_since < kCalm) continue;
    const double regret = regret_of(away.model.candidate, policy, now);
    if (best && regret <= most) continue;
    best = name;
    most = regret;
  }
  if (best) away_.at(*best).fits_since.reset();
  return best;
}

}  // namespace plimsoll::host
