// in_use: who is using what one thread may use at a time. Others are told, and do not wait.
#pragma once
#include <atomic>
#include <memory>
#include <thread>

namespace plimsoll::c_api {

// Shared by what belongs together: a conversation and its generations. Any thread.
class InUse {
 public:
  // On the thread that is inside already: once more. False: another thread is.
  [[nodiscard]] bool enter() noexcept;
  void leave() noexcept;

 private:
  std::atomic<std::thread::id> owner_{};
  int depth_ = 0;  // the owner's
};

class Entered {
 public:
  // Throws Error{usage} where another thread is inside.
  Entered(std::shared_ptr<InUse> in_use, const char* what);
  ~Entered() { in_use_->leave(); }
  Entered(const Entered&) = delete;
  Entered& operator=(const Entered&) = delete;

 private:
  std::shared_ptr<InUse> in_use_;
};

}  // namespace plimsoll::c_api
