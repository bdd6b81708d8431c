#include "worker/restart_rule.hpp"

#include <algorithm>
#include <array>

namespace plimsoll::worker {

std::optional<std::chrono::seconds> RestartRule::died(Time now, bool did_its_work) {
  static constexpr std::array<std::chrono::seconds, 4> kWaits{std::chrono::seconds(0), std::chrono::seconds(1),
                                                              std::chrono::seconds(5), std::chrono::seconds(30)};
  std::erase_if(deaths_, [&](Time one) { return now - one > kWindow; });
  if (deaths_.empty() || did_its_work) in_a_row_ = 0;
  deaths_.push_back(now);
  if (most_deaths_ > 0 && deaths_.size() >= most_deaths_) return std::nullopt;
  return kWaits[std::min(in_a_row_++, kWaits.size() - 1)];
}

}  // namespace plimsoll::worker
