// Deadline: does something where this is not over in time.
#pragma once
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>
#include <utility>

namespace plimsoll {

// For the time that it lives. `late`: called on a thread of its own, once at most, and not after the destructor.
class Deadline {
 public:
  Deadline(std::chrono::milliseconds most, std::function<void()> late)
      : thread_([this, most, late = std::move(late)](const std::stop_token& stop) {
          std::unique_lock lock(mutex_);
          std::condition_variable_any never;
          if (never.wait_for(lock, stop, most, [&] { return stop.stop_requested(); }) || stop.stop_requested()) return;
          late();
        }) {}

 private:
  std::mutex mutex_;
  std::jthread thread_;  // the first to go
};

}  // namespace plimsoll
