// ConnectionThreads: the threads that connections are served on, for cpp-httplib.
#pragma once
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <list>
#include <thread>

#include <httplib.h>

#include "base/mutex.hpp"

namespace plimsoll::server {

// A thread for each connection, up to `most`; those beyond it wait. The library's own pool makes none while one that is
// idle has not woken yet: of many connections that come at once, most then wait behind a few which may say nothing.
//
// Any thread.
class ConnectionThreads final : public httplib::TaskQueue {
 public:
  static constexpr std::chrono::milliseconds kKept{3000};
  // A thread that has had nothing to do for `kept` ends.
  explicit ConnectionThreads(std::size_t most, std::chrono::milliseconds kept = kKept) : most_(most), kept_(kept) {}
  ~ConnectionThreads() override { end(); }
  ConnectionThreads(const ConnectionThreads&) = delete;
  ConnectionThreads& operator=(const ConnectionThreads&) = delete;

  // False: it has been shut down, or the system has no thread for it and none is here. What a job throws ends that job
  // alone.
  bool enqueue(std::function<void()> job) override;
  void shutdown() override { end(); }  // what waits is done first
  [[nodiscard]] std::size_t threads() const;

 private:
  using Threads = std::list<std::thread>;
  void end();
  [[nodiscard]] bool take(std::function<void()> job, Threads& finished);  // gives threads that are to be joined
  [[nodiscard]] bool has_one_more() PLIMSOLL_REQUIRES(mutex_);
  void work(Threads::iterator self);

  const std::size_t most_;
  const std::chrono::milliseconds kept_;
  mutable Mutex mutex_;
  std::condition_variable_any changed_;
  std::condition_variable_any ended_;  // a thread
  std::deque<std::function<void()>> waiting_ PLIMSOLL_GUARDED_BY(mutex_);
  std::size_t idle_ PLIMSOLL_GUARDED_BY(mutex_) =
      0;  // threads; those that were woken and have not taken a job included
  bool is_over_ PLIMSOLL_GUARDED_BY(mutex_) = false;
  Threads threads_ PLIMSOLL_GUARDED_BY(mutex_);
  Threads finished_ PLIMSOLL_GUARDED_BY(mutex_);  // to be joined
};

}  // namespace plimsoll::server
