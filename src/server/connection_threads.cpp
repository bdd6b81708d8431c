#include "connection_threads.hpp"

#include <exception>
#include <utility>

#include "base/log.hpp"

#include "contained.hpp"

namespace plimsoll::server {

bool ConnectionThreads::enqueue(std::function<void()> job) {
  Threads finished;
  const bool is_taken = take(std::move(job), finished);
  for (std::thread& one : finished) one.join();
  return is_taken;
}

bool ConnectionThreads::take(std::function<void()> job, Threads& finished) {
  const MutexLock lock(mutex_);
  if (is_over_) return false;
  finished.swap(finished_);
  const auto put = [&] {
    mutex_.assert_held();
    waiting_.push_back(std::move(job));
  };
  if (!contained("a connection's place in the queue", put)) return false;
  const bool needs_one = waiting_.size() > idle_ && threads_.size() < most_;
  if (needs_one && !has_one_more() && threads_.empty()) {
    waiting_.pop_back();
    return false;
  }
  changed_.notify_one();
  return true;
}

// Where the system has none, those that are here do it.
bool ConnectionThreads::has_one_more() {
  auto self = threads_.end();
  try {
    self = threads_.emplace(threads_.begin());
    *self = std::thread([this, self] { work(self); });
    return true;
  } catch (const std::exception& error) {
    if (self != threads_.end()) threads_.erase(self);
    (void)contained("a warning",
                    [&] { log::warn("server", "no thread is to be had for a connection: {}", error.what()); });
    return false;
  }
}

void ConnectionThreads::work(Threads::iterator self) {
  MutexLock lock(mutex_);
  for (;;) {
    ++idle_;
    (void)changed_.wait_for(lock, kept_, [this] {
      mutex_.assert_held();
      return !waiting_.empty() || is_over_;
    });
    --idle_;
    if (waiting_.empty()) break;
    std::function<void()> job = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    (void)contained("a connection", job);
    job = nullptr;  // what it holds goes before anybody hears that it is done
    lock.lock();
  }
  finished_.splice(finished_.end(), threads_, self);
  ended_.notify_all();
}

void ConnectionThreads::end() {
  Threads finished;
  {
    MutexLock lock(mutex_);
    is_over_ = true;
    changed_.notify_all();
    ended_.wait(lock, [this] {
      mutex_.assert_held();
      return threads_.empty();
    });
    finished.swap(finished_);
  }
  for (std::thread& one : finished) one.join();
}

std::size_t ConnectionThreads::threads() const {
  const MutexLock lock(mutex_);
  return threads_.size();
}

}  // namespace plimsoll::server
