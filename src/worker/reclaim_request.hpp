// ReclaimRequest: asks this process's host to reclaim cells of a cache that a model's sequences share.
#pragma once
#include <condition_variable>
#include <memory>
#include <mutex>

#include "model_worker.capnp.h"

namespace plimsoll::worker {

// Asked on the decode loop's thread, which saves what the host then lets go: nothing is waited for here.
class ReclaimRequest : public std::enable_shared_from_this<ReclaimRequest> {
 public:
  explicit ReclaimRequest(rpc::Host::Client host);  // on the connection's thread
  // True: there is room, or may be in a moment. False: none is to be had.
  [[nodiscard]] bool look();

 private:
  enum class State { not_asked, asked, made, none };
  void ask();
  void answered(State state);

  std::shared_ptr<rpc::Host::Client> host_;  // used and deleted on the connection's thread
  std::mutex mutex_;
  std::condition_variable changed_;
  State state_ = State::not_asked;
};

}  // namespace plimsoll::worker
