// Company: lets the threads that decode one context meet, so that their tokens go through in one batch instead of in
// turns.
#pragma once
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

#include "sequence.hpp"

namespace plimsoll::run {

// All but Guest with the schedule's lock held.
//
// Threads that were decoded together come back for their next token almost at once: each has only to choose it. Whoever
// is back first waits for the others a little, and decodes for all. One thread that drives several conversations by
// itself has no company, and never waits.
class Company {
 public:
  using Sequences = std::vector<std::shared_ptr<Sequence>>;

  // While it lives, the sequence's thread is in infer().
  class Guest {
   public:
    explicit Guest(Sequence& sequence) : sequence_(sequence) { ++sequence_.guests.count; }
    ~Guest() { --sequence_.guests.count; }
    Guest(const Guest&) = delete;
    Guest& operator=(const Guest&) = delete;

   private:
    Sequence& sequence_;
  };

  // Waits until those that went through together last are back, or until it is not worth it any more.
  void gather(std::unique_lock<std::mutex>& lock, const Sequences& sequences);
  // Tokens wait in some sequence that did not before.
  void came() noexcept { back_.notify_all(); }
  // A batch is over that took so long.
  void left(const Sequences& sequences, std::chrono::steady_clock::duration took);

 private:
  [[nodiscard]] static bool all_are_back(const Sequences& sequences);
  std::condition_variable back_;
  std::chrono::steady_clock::time_point wait_until_{};
};

}  // namespace plimsoll::run
