#include "rate_limit.hpp"

#include <algorithm>

namespace plimsoll::server {

using Seconds = std::chrono::duration<double>;

void RateLimit::fill(Time now) {
  if (now <= at_) return;
  left_ = std::min(per_minute_, left_ + Seconds(now - at_).count() * per_minute_ / 60);
  at_ = now;
}

void RateLimit::set_limit(std::uint64_t per_minute, Time now) {
  fill(now);
  const auto next = static_cast<double>(per_minute);
  left_ = is_limited() ? std::min(left_ + std::max(next - per_minute_, 0.0), next) : next;
  per_minute_ = next;
  at_ = now;
}

std::chrono::duration<double> RateLimit::until(double amount, Time now) {
  if (!is_limited()) return Seconds(0);
  fill(now);
  const double wanted = std::min(amount, per_minute_);
  return Seconds(left_ >= wanted ? 0 : (wanted - left_) * 60 / per_minute_);
}

void RateLimit::take(double amount, Time now) {
  if (!is_limited()) return;
  fill(now);
  left_ = std::min(per_minute_, left_ - amount);
}

std::uint64_t RateLimit::left(Time now) {
  fill(now);
  return static_cast<std::uint64_t>(std::max(left_, 0.0));
}

std::chrono::duration<double> RateLimit::until_full(Time now) { return until(per_minute_, now); }

}  // namespace plimsoll::server
