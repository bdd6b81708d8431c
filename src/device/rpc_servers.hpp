// rpc_servers: the machines whose devices the engine computes on through ggml's RPC backend, as this process knows
// them. Of the whole process, since ggml numbers their devices (RPC0, RPC1, ...) as they come: every process that is to
// know the same names has the same servers in the same order.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "device/rpc_address.hpp"
#include "device/rpc_greeting.hpp"

namespace plimsoll::device {

inline constexpr const char* kRpcFlag = "--rpc";
inline constexpr const char* kRpcBackend = "RPC";  // ggml's name

// How a process of ours begins its last words, where it ends since a server has gone or is silent.
inline constexpr std::string_view kEndedByServer = "the RPC server ";

// What of them is in this process. The engine ends a process when a server goes, and a server serves one client at a
// time.
enum class RpcUse {
  elsewhere,    // nothing: other processes of ours compute on them
  while_asked,  // its devices are; it is connected while something is asked of it
  kept,         // likewise, and it is connected as long as the process lives
};

// Before any thread is started and before the backends are. Those that are connected to are resolved().
void set_rpc_servers(std::vector<RpcAddress> servers, RpcUse use);
void set_rpc_use(RpcUse use);
[[nodiscard]] const std::vector<RpcAddress>& rpc_servers() noexcept;
// What a program of ours is to be started with, so that it knows the same; empty where there are none.
[[nodiscard]] std::vector<std::string> rpc_arguments();

// Adds their devices to ggml's, after its own backends were loaded; nothing where they are elsewhere or were added.
// Throws Error: io (one does not answer as it should), unsupported (the engine has no RPC backend).
void add_rpc_devices();

// Whether the engine can be asked something about a device of that server without waiting for others or ending the
// process. `description`: the device's, which is its address.
[[nodiscard]] bool may_ask_engine_about(const std::string& description);

// Of the first of them that would not answer now; all are well: that greeting.
[[nodiscard]] RpcGreeting greet_all();

}  // namespace plimsoll::device
