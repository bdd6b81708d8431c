// Turns: who may compute now, where several models share a device's compute buffers.
#pragma once
#include <functional>

namespace plimsoll::run {

// One instance's place among those that take turns. Any thread.
class Turns {
 public:
  virtual ~Turns() = default;
  // Runs `work`, perhaps on another thread, once it is this instance's turn, and comes back when it is done; what it
  // throws is thrown here. Inside a turn of its own: at once.
  virtual void run(const std::function<void()>& work) = 0;
};

}  // namespace plimsoll::run
