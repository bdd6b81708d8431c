#include "monitor/thresholds.hpp"

#include <algorithm>
#include <utility>

namespace plimsoll::monitor {

std::string_view to_string(Level level) noexcept {
  switch (level) {
    case Level::below:
      return "below";
    case Level::warn:
      return "warn";
    case Level::high:
      return "high";
    case Level::at_budget:
      return "at_budget";
  }
  return "below";
}

Level ThresholdWatch::level_of(double share) const noexcept {
  if (share >= 1) return Level::at_budget;
  if (share >= thresholds_.high) return Level::high;
  return share >= thresholds_.warn ? Level::warn : Level::below;
}

std::optional<LevelChange> ThresholdWatch::update(Bytes used, Bytes budget) {
  const double share = budget == Bytes{} ? 1 : static_cast<double>(used.value()) / static_cast<double>(budget.value());
  const Level reached = level_of(share);
  const Level kept = std::min(level_, level_of(share + margin_));  // where it stays until it is clearly below
  const Level from = std::exchange(level_, std::max(reached, kept));
  if (from == level_) return std::nullopt;
  return LevelChange{.from = from, .to = level_, .share = share};
}

}  // namespace plimsoll::monitor
