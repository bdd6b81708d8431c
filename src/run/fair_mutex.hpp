// FairMutex: a lock that its waiters get in the order in which they came. The loop's thread takes a schedule's lock for
// batch after batch; with std::mutex it would have it again before anybody else.
#pragma once
#include <atomic>
#include <cstdint>
#include <thread>

namespace plimsoll::run {

// The thread that has it may take it again.
class FairMutex {
 public:
  void lock() {
    if (owner_.load(std::memory_order_relaxed) == std::this_thread::get_id()) {
      ++depth_;
      return;
    }
    const std::uint32_t ticket = next_.fetch_add(1, std::memory_order_relaxed);
    for (std::uint32_t now = served_.load(std::memory_order_acquire); now != ticket;
         now = served_.load(std::memory_order_acquire))
      served_.wait(now, std::memory_order_acquire);
    owner_.store(std::this_thread::get_id(), std::memory_order_relaxed);
    depth_ = 1;
  }

  void unlock() {
    if (--depth_ > 0) return;
    owner_.store({}, std::memory_order_relaxed);
    served_.fetch_add(1, std::memory_order_release);
    served_.notify_all();
  }

 private:
  std::atomic<std::uint32_t> next_ = 0;
  std::atomic<std::uint32_t> served_ = 0;
  std::atomic<std::thread::id> owner_{};
  std::uint32_t depth_ = 0;  // guarded by the lock itself
};

}  // namespace plimsoll::run
