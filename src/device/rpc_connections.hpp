// rpc_connections: what the engine leaves undone with its connections to RPC servers. It notices the end of one when it
// next sends or waits, which for an idle model is never, and a machine that lost its power not even then.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "device/rpc_address.hpp"

namespace plimsoll::device {

// Finds this process's connections to these servers, which are there by now. From then on a machine that is gone is
// noticed within half a minute, whether its connection is idle or at work; and where this process is killed in the
// middle of an answer, its server is told so in a way that does not end that, too (up to ggml 0.27 a closed connection
// is a signal there). `on_end` is called with the server's address on a thread of its own as soon as one has ended.
void watch_rpc_connections(const std::vector<RpcAddress>& servers, std::function<void(const std::string&)> on_end);

}  // namespace plimsoll::device
