// ManualClock: time that stands still until a test moves it.
#pragma once
#include <chrono>

#include "base/clock.hpp"

namespace plimsoll::test {

// One thread.
class ManualClock final : public Clock {
 public:
  [[nodiscard]] TimePoint now() const override { return now_; }
  void advance(std::chrono::nanoseconds by) { now_ += std::chrono::duration_cast<TimePoint::duration>(by); }

 private:
  TimePoint now_{};
};

}  // namespace plimsoll::test
