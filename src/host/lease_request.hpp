// LeaseRequest: a lease that was asked for, and may be waited for in steps.
#pragma once
#include <chrono>
#include <memory>
#include <string>

#include "host/lease.hpp"

namespace plimsoll::host {

class Host;

// It has its place in the queue from the beginning until it is taken or destroyed. One thread. The host outlives it.
class LeaseRequest {
 public:
  // Asks. Throws Error: usage (no such model or conversation), busy (the queue is full; the conversation has a lease
  // already), cancelled (the host ends).
  LeaseRequest(Host& host, std::string model, AcquireOptions options);
  ~LeaseRequest();
  LeaseRequest(const LeaseRequest&) = delete;
  LeaseRequest& operator=(const LeaseRequest&) = delete;

  // Waits that long at most. True: it is granted, so take() does not wait. Throws as Host::acquire().
  [[nodiscard]] bool wait_for(std::chrono::milliseconds most);
  // Once: waits for the answer. Throws as Host::acquire().
  [[nodiscard]] Lease take();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace plimsoll::host
