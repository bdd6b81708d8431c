// Thresholds: how near something is to its budget, as a level that does not flutter. Pure.
#pragma once
#include <array>
#include <optional>
#include <string_view>

#include <plimsoll/base/bytes.hpp>
#include "host/fleet.hpp"

namespace plimsoll::monitor {

enum class Level { below, warn, high, at_budget };
inline constexpr std::array kLevels{Level::below, Level::warn, Level::high, Level::at_budget};
[[nodiscard]] std::string_view to_string(Level level) noexcept;

// A level is reached at its share of the budget and left this much of the budget below it: what swings by less than 2 %
// of the budget (1.6 GiB of an 80 GiB card) is reported once, not on every beat.
inline constexpr double kFallBackMargin = 0.02;

struct LevelChange {
  Level from = Level::below;
  Level to = Level::below;
  double share = 0;  // of the budget, when it changed
};

// One value against one budget. One thread.
class ThresholdWatch {
 public:
  explicit ThresholdWatch(host::Thresholds thresholds = {}, double margin = kFallBackMargin)
      : thresholds_(thresholds), margin_(margin) {}

  // The next value. Empty: the level is what it was. A budget of nothing is always reached.
  std::optional<LevelChange> update(Bytes used, Bytes budget);
  [[nodiscard]] Level level() const noexcept { return level_; }

 private:
  [[nodiscard]] Level level_of(double share) const noexcept;

  host::Thresholds thresholds_;
  double margin_;
  Level level_ = Level::below;
};

}  // namespace plimsoll::monitor
