#include "device/rpc_servers.hpp"

#include <ggml-backend.h>
#include <ggml-rpc.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <ranges>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <plimsoll/base/error.hpp>
#include "device/rpc_connections.hpp"

#include "probes.hpp"

namespace plimsoll::device {
namespace {

// A process that computes comes after one that asked, or that died: the server may notice that one's end a little
// later.
constexpr std::chrono::seconds kWhileServerLetsGo{10};

struct Known {
  std::vector<RpcAddress> servers;
  RpcUse use = RpcUse::elsewhere;
  std::mutex adding;
  std::size_t added = 0;  // of the servers, in their order
};

Known& known() {
  static Known one;
  return one;
}

using AddServer = decltype(&ggml_backend_rpc_add_server);

AddServer adder() {
  ggml_backend_reg_t backend = ggml_backend_reg_by_name(kRpcBackend);
  void* function =
      backend == nullptr ? nullptr : ggml_backend_reg_get_proc_address(backend, "ggml_backend_rpc_add_server");
  if (function == nullptr)
    throw Error(ErrorCode::unsupported,
                "this engine has no RPC backend, which --rpc needs; Debian has it in the package libggml0-backend-rpc");
  return reinterpret_cast<AddServer>(function);
}

void require_answer(const RpcAddress& server, RpcUse use) {
  const auto limit = use == RpcUse::kept ? std::chrono::milliseconds(kWhileServerLetsGo) : kGreetingLimit;
  if (const RpcGreeting greeting = greet_and_count(server, limit); !greeting.is_well())
    throw Error(ErrorCode::io, greeting.why);
}

// What the engine would do as soon as it noticed; whoever started this process reads why.
void end_this_process(const std::string& server) {
  std::fprintf(stderr, "plimsoll: the RPC server %s has hung up, or its machine is gone\n", server.c_str());
  std::_Exit(1);
}

// The connection is there for as long as somebody has a backend of the server; that is never given back.
void keep_connection(ggml_backend_reg_t server) {
  (void)ggml_backend_dev_init(ggml_backend_reg_dev_get(server, 0), nullptr);
}

}  // namespace

void set_rpc_servers(std::vector<RpcAddress> servers, RpcUse use) {
  ask_before_backends([](const DeviceInfo& device) {
    return device.backend != kRpcBackend || may_ask_engine_about(device.description);
  });
  known().servers = std::move(servers);
  known().use = use;
}

void set_rpc_use(RpcUse use) { known().use = use; }

const std::vector<RpcAddress>& rpc_servers() noexcept { return known().servers; }

std::vector<std::string> rpc_arguments() {
  if (rpc_servers().empty()) return {};
  return {kRpcFlag, fmt::format("{}", fmt::join(std::views::transform(rpc_servers(), &RpcAddress::text), ","))};
}

void add_rpc_devices() {
  Known& here = known();
  const std::lock_guard lock(here.adding);
  if (here.use == RpcUse::elsewhere || here.added == here.servers.size()) return;
  const AddServer add = adder();
  for (; here.added < here.servers.size(); ++here.added) {
    const RpcAddress& server = here.servers[here.added];
    require_answer(server, here.use);
    ggml_backend_reg_t backend = add(server.text().c_str());
    if (backend == nullptr)
      throw Error(ErrorCode::io, fmt::format("the RPC server {} offers no device", server.shown()));
    ggml_backend_register(backend);
    if (here.use == RpcUse::kept) keep_connection(backend);
  }
  if (here.use == RpcUse::kept) watch_rpc_connections(here.servers, end_this_process);
}

bool may_ask_engine_about(const std::string& description) {
  const Known& here = known();
  if (here.use == RpcUse::kept) return true;
  const auto server = std::ranges::find(here.servers, description, &RpcAddress::text);
  return server != here.servers.end() && greet(*server).is_well();
}

RpcGreeting greet_all() {
  for (const RpcAddress& server : rpc_servers()) {
    if (RpcGreeting greeting = greet(server); !greeting.is_well()) return greeting;
  }
  return {.answer = RpcAnswer::greets, .why = {}};
}

}  // namespace plimsoll::device
