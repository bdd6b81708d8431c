// ManualClock: a clock that stands still until told to move.
#pragma once
#include <chrono>

#include "base/clock.hpp"

namespace plimsoll {

// One thread.
class ManualClock final : public Clock {
 public:
  [[nodiscard]] TimePoint now() const override { return now_; }
  void advance(std::chrono::nanoseconds by) { now_ += std::chrono::duration_cast<TimePoint::duration>(by); }

 private:
  TimePoint now_{};
};

}  // namespace plimsoll
