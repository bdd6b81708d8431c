#include "worker/strand.hpp"

#include <thread>

namespace plimsoll::worker {

struct Strand::State {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::move_only_function<void()>> jobs;
  bool has_ended = false;

  void work() {
    for (;;) {
      std::unique_lock lock(mutex);
      changed.wait(lock, [&] { return !jobs.empty() || has_ended; });
      if (jobs.empty()) return;
      auto job = std::move(jobs.front());
      jobs.pop_front();
      lock.unlock();
      job();
    }
  }
};

Strand::Strand() : state_(std::make_shared<State>()) {
  std::thread([state = state_] { state->work(); }).detach();
}

Strand::~Strand() {
  const std::lock_guard lock(state_->mutex);
  state_->has_ended = true;
  state_->changed.notify_one();
}

void Strand::post(std::move_only_function<void()> job) {
  const std::lock_guard lock(state_->mutex);
  state_->jobs.push_back(std::move(job));
  state_->changed.notify_one();
}

}  // namespace plimsoll::worker
