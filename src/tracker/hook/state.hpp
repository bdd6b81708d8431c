// What the hook keeps: who watches, and how often it was called.
#pragma once
#include "tracker/hook.hpp"

#include <atomic>
#include <cstdint>
#include <optional>

namespace plimsoll::hook {

struct State {
  std::atomic<Observer*> observer{nullptr};
  std::atomic<std::uint32_t> inside{0};  // calls of the process's observer that have not come back
  std::atomic<std::uint64_t> allocations{0};
  std::atomic<std::uint64_t> refusals{0};
  std::atomic<std::uint64_t> frees{0};
};
[[nodiscard]] State& state() noexcept;

// The process's observer for the length of a call: while one lives, who replaces that observer waits.
class ProcessObserver {
 public:
  ProcessObserver() noexcept;
  ~ProcessObserver();
  ProcessObserver(const ProcessObserver&) = delete;
  ProcessObserver& operator=(const ProcessObserver&) = delete;
  [[nodiscard]] Observer* get() const noexcept { return observer_; }

 private:
  Observer* observer_;
};

// Who is asked on this thread, for the length of a call: its own observer where it has one, else the process's.
class CurrentObserver {
 public:
  CurrentObserver() noexcept;
  [[nodiscard]] Observer* get() const noexcept;

 private:
  Observer* threads_own_;
  std::optional<ProcessObserver> process_;
};

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
