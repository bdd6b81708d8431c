// ReadySignal: wakes the reader of several generations, by GenerationParams::on_ready.
#pragma once
#include <atomic>
#include <chrono>
#include <cstdint>
#include <semaphore>

namespace plimsoll::run {

// Any thread notifies; one waits. Nothing is missed: what came after seen() ends the wait for it.
class ReadySignal {
 public:
  [[nodiscard]] std::uint32_t seen() const noexcept { return count_.load(std::memory_order_acquire); }
  void notify() noexcept {
    count_.fetch_add(1, std::memory_order_release);
    woken_.release();
  }
  void wait(std::uint32_t seen) noexcept {
    while (this->seen() == seen) woken_.acquire();
  }
  // That long at most. False: nothing has come.
  [[nodiscard]] bool wait_for(std::uint32_t seen, std::chrono::milliseconds most) noexcept {
    const auto until = std::chrono::steady_clock::now() + most;
    while (this->seen() == seen) {
      if (!woken_.try_acquire_until(until)) return this->seen() != seen;
    }
    return true;
  }

 private:
  std::atomic<std::uint32_t> count_ = 0;
  std::counting_semaphore<> woken_{0};  // one for each that came; those of before a wait end it early
};

}  // namespace plimsoll::run
