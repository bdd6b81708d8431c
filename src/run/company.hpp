// Company: lets the threads that decode one context meet, so that their tokens go through in one batch instead of in
// turns.
#pragma once
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

#include "sequence.hpp"

namespace plimsoll::run {

// All but Entry with the schedule's lock held.
//
// Threads that were decoded together come back for their next token almost at once: each has only to choose it. Whoever
// is back first waits for the others a little, and decodes for all. One thread that drives several conversations by
// itself has no company, and never waits.
class Company {
 public:
  using Sequences = std::vector<std::shared_ptr<Sequence>>;

  // While it lives it has the schedule's lock. Whoever gathers lets those in that want it: without that the thread that
  // has just had the lock would have it again, and the others would never come to choose their tokens.
  class Entry {
   public:
    Entry(Company& company, std::mutex& mutex) : company_(company) {
      ++company_.entering_;
      lock_ = std::unique_lock(mutex);
      --company_.entering_;
    }
    ~Entry() { company_.back_.notify_all(); }
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;
    [[nodiscard]] std::unique_lock<std::mutex>& lock() noexcept { return lock_; }

   private:
    Company& company_;
    std::unique_lock<std::mutex> lock_;
  };

  // Waits until those that went through together last are back, or until it is not worth it any more, or until another
  // thread has decoded `own`.
  void gather(std::unique_lock<std::mutex>& lock, const Sequence& own, const Sequences& sequences);
  // These went through together, which took so long.
  void left(const std::vector<Sequence*>& together, std::chrono::steady_clock::duration took);

 private:
  [[nodiscard]] bool all_are_here(const Sequences& sequences) const;
  std::atomic<int> entering_ = 0;
  std::condition_variable back_;
  std::chrono::steady_clock::time_point wait_until_{};
};

}  // namespace plimsoll::run
