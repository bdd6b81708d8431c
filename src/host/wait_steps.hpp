// WaitSteps: what a thread does while it waits for its turn.
#pragma once
#include <chrono>
#include <functional>

namespace plimsoll::host {

// `tell` is called on the waiting thread each time that it has waited that long. Empty: it only waits.
struct WaitSteps {
  std::function<void()> tell{};
  std::chrono::milliseconds step{1000};
};

}  // namespace plimsoll::host
