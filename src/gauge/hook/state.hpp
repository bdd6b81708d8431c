// What the hook keeps: who watches, and how often it was called.
#pragma once
#include <plimsoll/gauge/hook.hpp>

#include <atomic>
#include <cstdint>

namespace plimsoll::hook {

struct State {
  std::atomic<Observer*> observer{nullptr};
  std::atomic<std::uint64_t> allocations{0};
  std::atomic<std::uint64_t> refusals{0};
  std::atomic<std::uint64_t> frees{0};
};
[[nodiscard]] State& state() noexcept;

// While one lives on this thread, the observer is not asked about splits.
class SplitSilence {
 public:
  SplitSilence() noexcept { ++depth(); }
  ~SplitSilence() { --depth(); }
  SplitSilence(const SplitSilence&) = delete;
  SplitSilence& operator=(const SplitSilence&) = delete;
  [[nodiscard]] static bool active() noexcept { return depth() > 0; }

 private:
  static int& depth() noexcept;
};

}  // namespace plimsoll::hook
