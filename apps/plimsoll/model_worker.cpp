// plimsoll model-worker: the process in which the models of a compute group compute for a host. Not for people.
#include <unistd.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "device/rpc_servers.hpp"
#include "worker/serve_models.hpp"

#include "commands.hpp"

namespace plimsoll::app {

void add_model_worker(CLI::App& app, GlobalOptions&, int& status) {
  struct Asked {
    std::uint64_t decode_ms = 0;
    std::uint64_t host_bytes = 0;
    std::vector<std::string> rpc_servers;
  };
  CLI::App* command =
      app.add_subcommand("model-worker", "Computes models for a host, over the socket on stdin")->group("");
  const auto asked = std::make_shared<Asked>();
  command->add_option(worker::kMostDecodeTimeFlag, asked->decode_ms);
  command->add_option(worker::kMostHostMemoryFlag, asked->host_bytes);
  command->add_option(device::kRpcFlag, asked->rpc_servers);
  command->callback([&status, asked] {
    device::set_rpc_servers(device::parse_rpc_addresses(asked->rpc_servers), device::RpcUse::kept);
    worker::Limits limits;
    if (asked->decode_ms > 0) limits.most_decode_time = std::chrono::milliseconds(asked->decode_ms);
    if (asked->host_bytes > 0) limits.most_host_memory = Bytes{asked->host_bytes};
    status = worker::serve_models(STDIN_FILENO, limits);
  });
}

}  // namespace plimsoll::app
