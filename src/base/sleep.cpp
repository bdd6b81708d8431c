#include "base/sleep.hpp"

#include <condition_variable>
#include <mutex>

namespace plimsoll {

bool sleep_unless_stopped(std::chrono::nanoseconds time, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any nobody_wakes;
  std::unique_lock lock(mutex);
  (void)nobody_wakes.wait_for(lock, stop, time, [] { return false; });
  return !stop.stop_requested();
}

}  // namespace plimsoll
