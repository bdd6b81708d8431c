// rpc_greeting: whether a server of ggml's RPC backend would answer us now, asked without the engine: that ends the
// process where a server is not there, and waits for ever for one that serves somebody else.
#pragma once
#include <chrono>
#include <cstdint>
#include <string>

#include "device/rpc_address.hpp"

namespace plimsoll::device {

enum class RpcAnswer {
  greets,
  unreachable,    // nobody listens there
  busy,           // it takes the connection and says nothing: it serves one client at a time
  other_version,  // of the protocol
  nonsense,       // it is another program
};

struct RpcGreeting {
  RpcAnswer answer = RpcAnswer::unreachable;
  std::string why{};  // a sentence with the address; empty: it greets
  [[nodiscard]] bool is_well() const noexcept { return answer == RpcAnswer::greets; }
};

inline constexpr std::chrono::milliseconds kGreetingLimit{3000};

// Connects, says the protocol's first word, and hangs up. Takes `limit` at most. Of a resolved() server: nobody is
// asked again what its name means.
[[nodiscard]] RpcGreeting greet(const RpcAddress& server, std::chrono::milliseconds limit = kGreetingLimit);

// Likewise, and looks at what it offers, which the engine takes as it is: it makes as many devices as a server claims,
// which may be four billion, and computes sizes with the alignment of their memory. More than kMostRpcDevices are
// nonsense, and so is an alignment that is no power of two, or a huge one, and more memory than a PiB, or more that is
// free than there is.
inline constexpr std::uint32_t kMostRpcDevices = 64;
[[nodiscard]] RpcGreeting greet_and_look(const RpcAddress& server, std::chrono::milliseconds limit = kGreetingLimit);

}  // namespace plimsoll::device
