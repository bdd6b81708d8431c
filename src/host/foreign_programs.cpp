#include "foreign_programs.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "base/log.hpp"

namespace plimsoll::host {
namespace {

constexpr auto kBetweenLooks = std::chrono::seconds(1);
constexpr const char* kForThem = "for programs that are not Plimsoll's";

}  // namespace

void ForeignPrograms::leave(Bytes bytes) {
  {
    const MutexLock lock(mutex_);
    leave_ = bytes;
  }
  if (bytes > Bytes{} && !thread_.joinable())
    thread_ = std::jthread([this](const std::stop_token& stop) { work(stop); });
}

void ForeignPrograms::stop() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
}

void ForeignPrograms::work(const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any stopped;
  while (!stop.stop_requested()) {
    try {
      look();
    } catch (const std::exception& error) {
      log::warn("host", "what other programs take was not looked at: {}", error.what());
    } catch (...) {  // a policy of somebody's own
      log::warn("host", "what other programs take was not looked at");
    }
    std::unique_lock lock(mutex);
    (void)stopped.wait_for(lock, stop, kBetweenLooks, [] { return false; });
  }
}

std::vector<StandingModel> ForeignPrograms::standing_models(const std::vector<ModelHolding>& holdings) const {
  std::vector<StandingModel> out;
  const auto drafts = drafts_();
  for (const auto& [name, standing] : queue_.standings()) {
    StandingModel model{.candidate = {.name = name,
                                      .last_used = standing.last_used,
                                      .reload_time = standing.load_time,
                                      .priority = standing.priority},
                        .may_go = standing.is_idle && !standing.pinned && standing.state == ModelState::ready,
                        .is_coming = standing.state == ModelState::loading || standing.state == ModelState::warming,
                        .is_going = standing.is_yielding || standing.state == ModelState::draining};
    const auto draft = drafts.find(name);
    for (const ModelHolding& holding : holdings) {
      const bool is_its = holding.owner == name || (draft != drafts.end() && holding.owner == draft->second);
      const bool goes_with_it = std::ranges::contains(standing.last_of, holding.owner);
      if (is_its || goes_with_it) model.comes_back[holding.memory] += holding.comes_back;
    }
    out.push_back(std::move(model));
  }
  return out;
}

void ForeignPrograms::look() {
  {
    const MutexLock lock(mutex_);
    watch_.leave(leave_);
  }
  if (watch_.leave() == Bytes{}) return;
  const FleetDevices::ForeignMoment moment = devices_.foreign_use();
  const auto now = SystemClock().now();
  const ForeignWatch::Decision decision =
      watch_.look(moment.memories, standing_models(moment.holdings), *queue_.policy(), now);
  for (const std::string& model : decision.go) {
    if (queue_.yield(model, false, kForThem))
      log::info("host", "'{}' goes {}", model, kForThem);
    else
      watch_.forget(model);
  }
  if (!decision.comes_back) return;
  const std::string& back = *decision.comes_back;
  const bool comes = queue_.want_where_there_is_room(back);
  if (comes) log::info("host", "'{}' comes back: there is room for it beside other programs again", back);
  if (comes || !queue_.has(back)) watch_.forget(back);
}

}  // namespace plimsoll::host
