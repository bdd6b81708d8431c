// plimsoll dry-run-worker: the child that dry runs model files for a program with threads of its own. Not for people.
#include <unistd.h>

#include "device/rpc_servers.hpp"
#include "dry_run/dry_run_process.hpp"

#include "commands.hpp"

namespace plimsoll::app {

void add_dry_run_worker(CLI::App& app, GlobalOptions&, int& status) {
  CLI::App* command = app.add_subcommand("dry-run-worker", "Answers dry runs on stdin, one JSON line each")->group("");
  const auto servers = std::make_shared<std::vector<std::string>>();
  command->add_option(device::kRpcFlag, *servers);
  command->callback([&status, servers] {
    device::set_rpc_servers(device::parse_rpc_addresses(*servers), device::RpcUse::while_asked);
    status = dry_run::serve_dry_runs(STDIN_FILENO, STDOUT_FILENO);
  });
}

}  // namespace plimsoll::app
