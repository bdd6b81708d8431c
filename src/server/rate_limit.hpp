// RateLimit: so much in a minute: a bucket that fills evenly, and may be emptied at once.
#pragma once
#include <chrono>
#include <cstdint>

namespace plimsoll::server {

// Pure arithmetic on the times that it is told; those do not go back.
class RateLimit {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // 0: no limit.
  RateLimit(std::uint64_t per_minute, Time now)
      : per_minute_(static_cast<double>(per_minute)), left_(per_minute_), at_(now) {}

  // Another one from now on: what is left is no more than it, and what it has more is there at once.
  void set_limit(std::uint64_t per_minute, Time now);
  [[nodiscard]] bool is_limited() const noexcept { return per_minute_ > 0; }
  // How long until that much can be taken; 0: now. More than a whole minute's can be taken from a full bucket, which
  // owes the rest.
  [[nodiscard]] std::chrono::duration<double> until(double amount, Time now);
  // Takes it, whether it is there or not; below 0 it is given back.
  void take(double amount, Time now);
  [[nodiscard]] std::uint64_t limit() const noexcept { return static_cast<std::uint64_t>(per_minute_); }
  [[nodiscard]] std::uint64_t left(Time now);  // whole ones
  [[nodiscard]] std::chrono::duration<double> until_full(Time now);

 private:
  void fill(Time now);

  double per_minute_;
  double left_;  // below 0: owed
  Time at_;
};

}  // namespace plimsoll::server
