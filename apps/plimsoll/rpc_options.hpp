// rpc_options: the machines that --rpc and fleet files name, and a process apart for commands that compute on them.
#pragma once
#include <CLI/CLI.hpp>

#include <optional>
#include <vector>

#include "device/rpc_servers.hpp"

namespace plimsoll::app {

// What a command does with devices of such machines.
enum class Computes {
  elsewhere,  // it plans, and has processes of its own for models
  here,       // in this process
  asks,       // it looks at devices, and computes nothing
};
[[nodiscard]] Computes computes(const CLI::App& command);

// Of the command line, or of the environment: before anything is run. Throws Error{usage} and Error{io} for servers
// that cannot be found or are not to be trusted, see device::resolved(). Where the command computes in its process it
// does so in a fork from here on: the engine ends the process when a server goes, and this one then says why. Answers
// the exit status of that; empty: go on.
[[nodiscard]] std::optional<int> take_rpc_servers(const CLI::App& command);

// `of_file` are a fleet file's; those of the command line stand in their place. Answers which count. Throws as above,
// and Error{usage} where they are others than at the start of this process.
[[nodiscard]] std::vector<device::RpcAddress> settle_rpc_servers(std::vector<device::RpcAddress> of_file,
                                                                 bool file_is_insecure);

}  // namespace plimsoll::app
