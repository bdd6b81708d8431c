// ReadySignal: wakes the reader of several generations, by GenerationParams::on_ready.
#pragma once
#include <atomic>
#include <cstdint>

namespace plimsoll::run {

// Any thread notifies; one waits. Nothing is missed: what came after seen() ends the wait for it.
class ReadySignal {
 public:
  [[nodiscard]] std::uint32_t seen() const noexcept { return count_.load(std::memory_order_acquire); }
  void notify() noexcept {
    count_.fetch_add(1, std::memory_order_release);
    count_.notify_one();
  }
  void wait(std::uint32_t seen) const noexcept { count_.wait(seen, std::memory_order_acquire); }

 private:
  std::atomic<std::uint32_t> count_ = 0;
};

}  // namespace plimsoll::run
