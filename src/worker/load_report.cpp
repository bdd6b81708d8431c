#include "load_report.hpp"

#include "own_loop.hpp"

namespace plimsoll::worker {

LoadReport::LoadReport(rpc::Host::Client host) : host_(held_for_own_loop(kj::mv(host))) {}

void LoadReport::goes_on() {
  using Clock = std::chrono::steady_clock;
  constexpr Clock::duration kBetween = std::chrono::milliseconds(200);
  const Clock::rep now = Clock::now().time_since_epoch().count();
  Clock::rep told = told_;
  if (now - told < kBetween.count() || !told_.compare_exchange_strong(told, now)) return;
  own_loop().post([host = host_] { host->isLoadingRequest().send().detach([](kj::Exception&&) {}); });
}

}  // namespace plimsoll::worker
