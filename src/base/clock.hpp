// Clock: where time comes from, so that tests can own it.
#pragma once
#include <algorithm>
#include <chrono>
#include <optional>
#include <string>

namespace plimsoll {

class Clock {
 public:
  using TimePoint = std::chrono::system_clock::time_point;
  virtual ~Clock() = default;
  [[nodiscard]] virtual TimePoint now() const = 0;
};

// The machine's clock. Any thread.
class SystemClock final : public Clock {
 public:
  [[nodiscard]] TimePoint now() const override { return std::chrono::system_clock::now(); }
};

// That much later, never earlier. Empty: beyond what the clock can say, which counts nanoseconds until the year 2262.
[[nodiscard]] inline std::optional<Clock::TimePoint> later(Clock::TimePoint at, std::chrono::milliseconds by) {
  if (by >= std::chrono::floor<std::chrono::milliseconds>(Clock::TimePoint::max() - at)) return std::nullopt;
  return at + std::max(by, std::chrono::milliseconds(0));
}

// "2026-11-24T10:00:00.123Z"
[[nodiscard]] std::string utc_text(Clock::TimePoint at);

// Milliseconds of a steady clock since construction; for durations that are reported.
class Stopwatch {
 public:
  [[nodiscard]] double elapsed_ms() const {
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace plimsoll
