#include "callbacks.hpp"

#include <exception>
#include <utility>

#include <plimsoll/base/error.hpp>

#include "call.hpp"
#include "errors.hpp"

namespace plimsoll::c_api {
namespace {

// The innermost quiet callback of this thread.
struct Quiet {
  explicit Quiet(CallbackRun* of) noexcept : run(of), outer(std::exchange(innermost, this)) {}
  ~Quiet() { innermost = outer; }
  Quiet(const Quiet&) = delete;
  Quiet& operator=(const Quiet&) = delete;

  CallbackRun* run;  // null: nothing can be closed
  Quiet* outer;
  static thread_local Quiet* innermost;
};
thread_local Quiet* Quiet::innermost = nullptr;

}  // namespace

std::string what_was_thrown() noexcept try {
  try {
    throw;
  } catch (const std::exception& error) {
    return error.what();
  } catch (...) {
    return "of a type that is not a std::exception";
  }
} catch (...) {
  return {};
}

void CallbackRun::follow(plimsoll_stop* stop) {
  if (stop == nullptr) return;
  const auto source = found(stop);
  followed_ = source;
  follower_.emplace(source->source.get_token(), [this] { stop_.request_stop(); });
}

void CallbackRun::run(const std::function<std::int32_t()>& callback) noexcept {
  const Quiet quiet(this);
  try {
    if (callback() != 0) stop_.request_stop();
  } catch (...) {
    {
      const MutexLock lock(mutex_);
      if (!failure_) failure_ = what_was_thrown();
    }
    stop_.request_stop();
  }
}

void CallbackRun::bury(std::shared_ptr<void> object) {
  const MutexLock lock(mutex_);
  if (!buried_.empty() && buried_.back() == object) return;  // a callback reads one model again and again
  buried_.push_back(std::move(object));
}

bool CallbackRun::has_failed() {
  const MutexLock lock(mutex_);
  return failure_.has_value();
}

void CallbackRun::rethrow() {
  std::optional<std::string> failure;
  {
    const MutexLock lock(mutex_);
    failure = std::exchange(failure_, std::nullopt);
  }
  if (failure) throw CallbackFailed(std::move(*failure));
}

void CallbackRun::clear() noexcept {
  std::vector<std::shared_ptr<void>> gone;
  const MutexLock lock(mutex_);
  gone.swap(buried_);
}

bool run_quietly(const std::function<void()>& callback, std::string& why) noexcept {
  const Quiet quiet(nullptr);
  try {
    callback();
    return true;
  } catch (...) {
    why = what_was_thrown();
    return false;
  }
}

void require_no_quiet_callback() {
  if (Quiet::innermost != nullptr)
    throw Error(ErrorCode::usage,
                "inside a callback of this kind only handles can be closed, stops asked for, errors and tokens read");
}

void require_closing_allowed() {
  if (Quiet::innermost != nullptr && Quiet::innermost->run == nullptr)
    throw Error(ErrorCode::usage, "inside a callback of this kind nothing can be closed: locks are held");
}

void destroy_soon(std::shared_ptr<void> object) {
  if (Quiet::innermost != nullptr && Quiet::innermost->run != nullptr) Quiet::innermost->run->bury(std::move(object));
}

}  // namespace plimsoll::c_api

using namespace plimsoll::c_api;

extern "C" {

plimsoll_error* plimsoll_stop_create(plimsoll_stop** stop) {
  return emptying_call([&] {
    *place_of(stop, "stop") = nullptr;
    require_no_quiet_callback();
    *stop = handle_of(std::make_shared<plimsoll_stop>());
  });
}

plimsoll_error* plimsoll_stop_request(plimsoll_stop* stop) {
  return closing([&] { found(stop)->source.request_stop(); });
}

plimsoll_error* plimsoll_stop_close(plimsoll_stop* stop) { return closed(stop); }

}  // extern "C"
