// ArrivingBody: a request's body on its way: charged as it comes, and not for ever on its way.
#pragma once
#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include <httplib.h>

#include <plimsoll/base/bytes.hpp>
#include "api/problem.hpp"

#include "disconnect_watcher.hpp"
#include "peer.hpp"
#include "request_memory.hpp"

namespace plimsoll::server {

// How many bytes a request says that its body has; `most` where it does not say (chunks); 0: it has none.
[[nodiscard]] std::size_t announced_body(const httplib::Request& request, Bytes most);

// The time that a body of so many bytes has: `patience`, and a second for each 64 KiB, which a slow line brings.
[[nodiscard]] std::chrono::milliseconds time_for_body(std::size_t bytes, std::chrono::seconds patience);

// The library waits for some time for each read, and so for ever for a client that sends a byte from time to time.
// While this lives, nothing more is read of such a client once the time is over, or the server ends: what reads finds
// the connection's end.
//
// Ends before `watcher`, and before the request that `client` is of.
class ArrivingBody {
 public:
  ArrivingBody(DisconnectWatcher& watcher, std::shared_ptr<Peer> client, std::chrono::milliseconds time);
  [[nodiscard]] bool is_late() const noexcept { return *is_late_; }

 private:
  std::shared_ptr<std::atomic<bool>> is_late_ = std::make_shared<std::atomic<bool>>(false);
  std::unique_ptr<DisconnectWatcher::Watch> watched_;
  std::optional<std::stop_callback<std::function<void()>>> on_stop_{};  // ends before it
};

// Reads a body to its end into `body`, and grows `memory` by what it is larger than `charged`. False: it is not there.
// Then `refused` says what the budget has to say to that; empty: the library knows why.
[[nodiscard]] bool take_in(const httplib::ContentReader& content, std::string& body, std::size_t charged,
                           RequestMemory::Share& memory, std::optional<api::Problem>& refused);

}  // namespace plimsoll::server
