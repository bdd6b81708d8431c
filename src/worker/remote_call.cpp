#include "remote_call.hpp"

#include <chrono>
#include <utility>

namespace plimsoll::worker {

// The supervisor waits for the mutex: either it finds this in the life that is there now, or this finds none.
std::shared_ptr<OpenModel> RemoteCall::first_life(RemoteModel& model) {
  {
    const std::lock_guard lock(mutex_);
    if (!open_) open_ = model.open_at_once();
  }
  return life_after(nullptr);
}

std::shared_ptr<OpenModel> RemoteCall::life_after(const std::shared_ptr<OpenModel>& lost) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return failure_ || (open_ && open_ != lost); });
  if (failure_) throw Error(*failure_);
  return open_;
}

void RemoteCall::is_over() {
  const std::lock_guard lock(mutex_);
  is_over_ = true;
  changed_.notify_all();
}

void RemoteCall::process_is_back(const std::shared_ptr<OpenModel>& open) {
  // A batch that takes longer holds back everybody who waits for the process.
  constexpr std::chrono::milliseconds kLook{20};
  constexpr std::chrono::seconds kMost{30};
  std::unique_lock lock(mutex_);
  if (is_over_ || failure_ || open_ == open) return;
  open_ = open;
  is_on_trial_ = is_suspect();
  changed_.notify_all();
  const auto until = std::chrono::steady_clock::now() + kMost;
  while (is_on_trial_ && !is_over_ && std::chrono::steady_clock::now() < until) {
    if (open->life->is_over) throw WorkerGone();
    changed_.wait_for(lock, kLook);
  }
  is_on_trial_ = false;
}

void RemoteCall::note_death(const Life& life, bool by_itself) {
  const std::lock_guard lock(mutex_);
  const bool was_on_trial = std::exchange(is_on_trial_, false);
  if (is_over_ || !open_ || open_->life.get() != &life) return;
  open_ = nullptr;
  if (!by_itself || ++deaths_ < 2 || !was_on_trial) return;
  end_with(ended_its_process_twice(model_));
}

void RemoteCall::fail(const Error& why) {
  const std::lock_guard lock(mutex_);
  end_with(why);
}

bool RemoteCall::is_waited_for() {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  return !lock || !is_over_;
}

void RemoteCall::end_with(const Error& why) {
  if (is_over_ || failure_) return;
  open_ = nullptr;
  failure_ = why;
  changed_.notify_all();
}

}  // namespace plimsoll::worker
