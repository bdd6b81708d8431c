// Mutex: std::mutex as clang's thread-safety analysis wants it; libstdc++'s own carries no annotations.
#pragma once
#include <mutex>

#include "base/thread_annotations.hpp"

namespace plimsoll {

class PLIMSOLL_CAPABILITY("mutex") Mutex {
 public:
  void lock() PLIMSOLL_ACQUIRE() { mutex_.lock(); }
  void unlock() PLIMSOLL_RELEASE() { mutex_.unlock(); }
  // For code that the analysis cannot follow, such as a lambda that is called with the lock held. Checks nothing.
  void assert_held() const PLIMSOLL_ASSERT_HELD(this) {}

 private:
  std::mutex mutex_;
};

// Holds a mutex while it lives, except between unlock() and lock(). Waits go through std::condition_variable_any.
class PLIMSOLL_SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) PLIMSOLL_ACQUIRE(mutex) : lock_(mutex) {}
  ~MutexLock() PLIMSOLL_RELEASE() {}
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;
  void lock() PLIMSOLL_ACQUIRE() { lock_.lock(); }
  void unlock() PLIMSOLL_RELEASE() { lock_.unlock(); }

 private:
  std::unique_lock<Mutex> lock_;
};

}  // namespace plimsoll
