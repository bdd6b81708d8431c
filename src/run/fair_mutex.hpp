// FairMutex: a lock that its waiters get in the order in which they came. The loop's thread takes a schedule's lock for
// batch after batch; with std::mutex it would have it again before anybody else.
#pragma once
#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>
#include <utility>

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

  // For the one thread that has it for long, again and again. Behind everybody who has asked for it since its own last
  // time, and who asks again soon after having had it: a request takes several steps to begin, and each would wait for
  // a batch of its own. For so long at most; then in its turn, as lock().
  void lock_behind_others() {
    if (next_.load(std::memory_order_relaxed) != after_last_ && owner_.load() != std::this_thread::get_id())
      let_others_finish();
    lock();
    after_last_ = served_.load(std::memory_order_relaxed) + 1;
  }

  void unlock() {
    if (--depth_ > 0) return;
    owner_.store({}, std::memory_order_relaxed);
    served_.fetch_add(1, std::memory_order_release);
    served_.notify_all();
  }

 private:
  static constexpr std::chrono::microseconds kSoon{100};
  static constexpr std::chrono::microseconds kAtMost{2000};

  void let_others_finish() {
    using Clock = std::chrono::steady_clock;
    const auto end = Clock::now() + kAtMost;
    auto quiet_since = Clock::now();
    std::uint32_t seen = next_.load(std::memory_order_relaxed);
    for (auto now = quiet_since; now < end && now - quiet_since < kSoon; now = Clock::now()) {
      const std::uint32_t asked = next_.load(std::memory_order_relaxed);
      const bool is_free = served_.load(std::memory_order_acquire) == asked;
      if (asked != std::exchange(seen, asked) || !is_free) quiet_since = now;
      std::this_thread::yield();
    }
  }

  std::atomic<std::uint32_t> next_ = 0;
  std::atomic<std::uint32_t> served_ = 0;
  std::atomic<std::thread::id> owner_{};
  std::uint32_t depth_ = 0;       // guarded by the lock itself
  std::uint32_t after_last_ = 0;  // of lock_behind_others(): tickets given by then; its thread alone
};

}  // namespace plimsoll::run
