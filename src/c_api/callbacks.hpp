// callbacks: functions of the program, called from inside the engine.
//
// A quiet callback runs where locks may be held and threads wait. While one runs on a thread, that thread may only
// close handles, ask for stops and read errors; what is closed goes once the call that the callback came from is over.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include <plimsoll.h>

#include "base/mutex.hpp"

namespace plimsoll::c_api {

// What quiet callbacks of one call leave behind: the first exception, and what they have closed. Callbacks may come on
// another thread than the call's.
class CallbackRun {
 public:
  CallbackRun() = default;
  ~CallbackRun() { clear(); }
  CallbackRun(const CallbackRun&) = delete;
  CallbackRun& operator=(const CallbackRun&) = delete;

  [[nodiscard]] std::stop_token stop_token() const noexcept { return stop_.get_token(); }
  [[nodiscard]] bool request_stop() noexcept { return stop_.request_stop(); }
  // `stop` (null: none) asks for the stop of this, too. Once.
  void follow(plimsoll_stop* stop);

  // Calls one: not 0 and an exception ask for the stop.
  void run(const std::function<std::int32_t()>& callback) noexcept;
  void bury(std::shared_ptr<void> object);

  [[nodiscard]] bool has_failed();  // one was let out
  // Throws CallbackFailed where one was let out; forgets it.
  void rethrow();
  void clear() noexcept;  // destroys what was closed

 private:
  std::stop_source stop_;
  std::shared_ptr<void> followed_;  // holds the stop
  std::optional<std::stop_callback<std::function<void()>>> follower_;
  Mutex mutex_;
  std::optional<std::string> failure_ PLIMSOLL_GUARDED_BY(mutex_);
  std::vector<std::shared_ptr<void>> buried_ PLIMSOLL_GUARDED_BY(mutex_);
};

// Calls it as a quiet callback of nobody's call, in which nothing can be closed. False and `why`: an exception came.
[[nodiscard]] bool run_quietly(const std::function<void()>& callback, std::string& why) noexcept;
// what() of what is being handled.
[[nodiscard]] std::string what_was_thrown() noexcept;

// Throw Error{usage} inside a quiet callback; inside one where nothing can be closed.
void require_no_quiet_callback();
void require_closing_allowed();
// Now, or inside a quiet callback with the call that it came from.
void destroy_soon(std::shared_ptr<void> object);

}  // namespace plimsoll::c_api

// NOLINTBEGIN(readability-identifier-naming): C's names
struct plimsoll_stop {
  std::stop_source source;
};
// NOLINTEND(readability-identifier-naming)
