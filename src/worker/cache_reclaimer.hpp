// CacheReclaimer: reclaims cells of a cache that a model's sequences share, where its process asks the host for some.
#pragma once
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include "model_worker.capnp.h"
#include "worker/rpc_loop.hpp"
#include "worker/strand.hpp"

namespace plimsoll::worker {

// Any thread. Held by what it gives the process, too.
class CacheReclaimer {
 public:
  explicit CacheReclaimer(RpcLoop& loop) : loop_(loop) {}
  // Called on a thread of its own: a conversation of that very process is saved and given back by it. Empty: there is
  // no room to be had any more; a call that is under way is waited for.
  void set(std::function<bool()> make_free);
  // On the loop's thread: what the process asks, and what it calls while it loads.
  [[nodiscard]] static rpc::Host::Client asked_by_process(const std::shared_ptr<CacheReclaimer>& maker,
                                                          std::function<void()> is_loading);

 private:
  class Server;
  [[nodiscard]] bool make() noexcept;

  RpcLoop& loop_;
  std::optional<Strand> strand_;  // the loop's thread alone
  std::mutex mutex_;              // held while it is called
  std::function<bool()> make_free_;
};

}  // namespace plimsoll::worker
