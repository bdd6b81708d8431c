// LoadWatch: whether the process of a model that loads it goes on with that, so that one that hangs is told from one
// that takes long.
#pragma once
#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <memory>

#include <kj/async.h>
#include <kj/timer.h>

namespace plimsoll::worker {

// The loop's thread alone.
class LoadWatch : public std::enable_shared_from_this<LoadWatch> {
 public:
  LoadWatch(kj::Timer& timer, pid_t process, std::chrono::milliseconds most_silence);
  void goes_on() { heard_ = timer_.now(); }  // the process has said so
  // Never fulfilled. Throws Error{engine_failed} once the process has neither said anything nor read from a disk for so
  // long.
  template <class T>
  [[nodiscard]] kj::Promise<T> silence();

 private:
  [[nodiscard]] bool is_silent();  // else it has read meanwhile, which counts as a word
  [[nodiscard]] kj::Exception failure() const;

  kj::Timer& timer_;
  const pid_t process_;
  const std::chrono::milliseconds most_;
  kj::TimePoint heard_;
  std::uint64_t read_ = 0;  // bytes
};

template <class T>
kj::Promise<T> LoadWatch::silence() {
  return timer_.atTime(heard_ + most_.count() * kj::MILLISECONDS).then([self = shared_from_this()]() -> kj::Promise<T> {
    if (self->is_silent()) return self->failure();
    return self->silence<T>();
  });
}

}  // namespace plimsoll::worker
