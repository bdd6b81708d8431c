// LoadReport: tells this process's host that a load goes on.
#pragma once
#include <atomic>
#include <chrono>
#include <memory>

#include "model_worker.capnp.h"

namespace plimsoll::worker {

class LoadReport {
 public:
  explicit LoadReport(rpc::Host::Client host);  // on the connection's thread
  void goes_on();                               // any thread; told a few times a second at most

 private:
  std::shared_ptr<rpc::Host::Client> host_;  // used and deleted on the connection's thread
  std::atomic<std::chrono::steady_clock::rep> told_ = 0;
};

}  // namespace plimsoll::worker
