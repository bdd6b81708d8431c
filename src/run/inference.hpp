// Inference: decodes a sequence for a thread that waits until nothing of it waits.
#pragma once
#include <condition_variable>
#include <functional>
#include <mutex>
#include <utility>

#include "run/wait_steps.hpp"

#include "continuation.hpp"

namespace plimsoll::run {

class Inference final : public Continuation {
 public:
  Inference(std::stop_token stop, const std::function<void(std::size_t)>& progress)
      : stop_(std::move(stop)), progress_(progress) {}

  void before_batch(Sequence& sequence) override {
    if (sequence.waiting() == 0)
      finish(sequence, engine::DecodeStatus::ok);
    else if (stop_.stop_requested())
      finish(sequence, engine::DecodeStatus::aborted);
  }
  void decoded(Sequence& sequence) override {
    if (progress_) progress_(sequence.waiting());
    if (sequence.waiting() == 0) finish(sequence, engine::DecodeStatus::ok);
  }
  void ended(engine::DecodeStatus status, std::exception_ptr failure) noexcept override {
    const std::lock_guard lock(mutex_);
    status_ = status;
    failure_ = std::move(failure);
    done_ = true;
    changed_.notify_one();
  }
  [[nodiscard]] const std::stop_token& stop() const noexcept override { return stop_; }

  void wait(const WaitSteps& steps) {
    std::unique_lock lock(mutex_);
    const auto is_done = [&] { return done_; };
    std::exception_ptr thrown;
    while (steps.tell && !thrown && !changed_.wait_for(lock, steps.step, is_done)) {
      lock.unlock();
      try {
        steps.tell();
      } catch (...) {
        thrown = std::current_exception();  // the loop still has this
      }
      lock.lock();
    }
    changed_.wait(lock, is_done);
    if (thrown) std::rethrow_exception(thrown);
  }
  [[nodiscard]] bool is_done() {
    const std::lock_guard lock(mutex_);
    return done_;
  }
  [[nodiscard]] engine::DecodeStatus result() const {
    if (failure_) std::rethrow_exception(failure_);
    return status_;
  }

 private:
  void finish(Sequence& sequence, engine::DecodeStatus status) noexcept {
    sequence.continuation = nullptr;
    ended(status, nullptr);
  }

  std::stop_token stop_;
  const std::function<void(std::size_t)>& progress_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool done_ = false;
  engine::DecodeStatus status_ = engine::DecodeStatus::ok;
  std::exception_ptr failure_;
};

}  // namespace plimsoll::run
