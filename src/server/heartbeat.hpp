// Heartbeat: when a stream that is silent has to say that it is alive.
#pragma once
#include <algorithm>
#include <chrono>

namespace plimsoll::server {

using Milliseconds = std::chrono::milliseconds;

// How often, at least. 0: never.
struct HeartbeatRule {
  Milliseconds interval{5000};

  [[nodiscard]] bool beats() const noexcept { return interval.count() > 0; }
  // Whoever looks that often, and beats where due, is never silent for longer than the interval.
  [[nodiscard]] Milliseconds step() const noexcept {
    return beats() ? std::max(interval / 2, Milliseconds(1)) : Milliseconds(60'000);
  }
};

// One thread.
class Heartbeat {
 public:
  using Time = std::chrono::steady_clock::time_point;

  Heartbeat(HeartbeatRule rule, Time now) : rule_(rule), last_(now) {}
  void wrote(Time now) noexcept { last_ = now; }
  // It is silent so long that the next look could be too late.
  [[nodiscard]] bool is_due(Time now) const noexcept { return rule_.beats() && now - last_ >= rule_.step(); }
  [[nodiscard]] const HeartbeatRule& rule() const noexcept { return rule_; }

 private:
  HeartbeatRule rule_;
  Time last_;
};

}  // namespace plimsoll::server
