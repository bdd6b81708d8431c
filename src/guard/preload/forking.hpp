// forking: a process that is forked while its threads are inside of the guard. The child has the forking thread alone:
// what another one had locked nobody would unlock there.
#pragma once
#include <atomic>
#include <memory>
#include <mutex>

namespace plimsoll::guard {

// A mutex under which the engine is called. The engine forks where it gives up (to show a backtrace), and so may a
// function of the program that it calls: who forks has it already, then, and keeps it in the child.
class CallingMutex {
 public:
  void lock() {
    if (is_mine()) {
      ++again_;
      return;
    }
    mutex_.lock();
    owner_.store(this_thread(), std::memory_order_relaxed);
  }
  void unlock() {
    if (again_ > 0) {
      --again_;
      return;
    }
    owner_.store(nullptr, std::memory_order_relaxed);
    mutex_.unlock();
  }
  // In a forked child, of a mutex that is held for too long to wait for it: another thread that had it is not there.
  void renew_in_child() noexcept {
    if (is_mine()) return;
    owner_.store(nullptr, std::memory_order_relaxed);
    std::construct_at(&mutex_);
  }

 private:
  // The same in the child.
  [[nodiscard]] static const void* this_thread() noexcept {
    static thread_local char here = 0;
    return &here;
  }
  [[nodiscard]] bool is_mine() const noexcept { return owner_.load(std::memory_order_relaxed) == this_thread(); }

  std::mutex mutex_;
  std::atomic<const void*> owner_ = nullptr;
  int again_ = 0;  // the owner's
};

// From now on a fork waits until no other thread has one of the guard's locks. Of those that are held while a
// context, or the accounts, are made it does not wait: the child has new ones.
void hold_locks_over_forks();

}  // namespace plimsoll::guard
