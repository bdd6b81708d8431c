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
#include "base/deadline.hpp"
#include "device/rpc_connections.hpp"

#include "probes.hpp"

namespace plimsoll::device {
namespace {

// A process that computes comes after one that asked, or that died: the server may notice that one's end a little
// later.
constexpr std::chrono::seconds kWhileServerLetsGo{10};

// A server that greets answers what follows at once, too: what it tells lies ready. While it computes for this process
// it may take longer.
constexpr std::chrono::seconds kMostToAnswer{10};

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
  if (const RpcGreeting greeting = greet_and_look(server, limit); !greeting.is_well())
    throw Error(ErrorCode::io, greeting.why);
}

// Whoever started this process reads why.
[[noreturn]] void end_this_process(const std::string& server, const char* why) {
  std::fprintf(stderr, "plimsoll: %s%s %s\n", kEndedByServer.data(), server.c_str(), why);
  std::_Exit(1);
}

// What the engine would do as soon as it noticed.
void end_without(const std::string& server) { end_this_process(server, "has hung up, or its machine is gone"); }

// The engine waits for an answer without an end, and nobody can take it back from there.
template <class Question>
void ask_in_time(const RpcAddress& server, const Question& question) {
  const Deadline limit(kMostToAnswer, [name = server.shown()] {
    end_this_process(name, "has taken the connection, and does not answer what the engine asks");
  });
  question();
}

bool ask_about(const DeviceInfo& device, const std::function<void()>& question) {
  const Known& here = known();
  if (device.backend != kRpcBackend || here.use == RpcUse::kept) {
    question();
    return true;
  }
  if (!may_ask_engine_about(device.description)) return false;
  ask_in_time(*std::ranges::find(here.servers, device.description, &RpcAddress::text), question);
  return true;
}

// The connection is there for as long as somebody has a backend of the server; that is never given back.
void keep_connection(ggml_backend_reg_t server) {
  (void)ggml_backend_dev_init(ggml_backend_reg_dev_get(server, 0), nullptr);
}

}  // namespace

void set_rpc_servers(std::vector<RpcAddress> servers, RpcUse use) {
  ask_backends_by(ask_about);
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
    ask_in_time(server, [&] {
      ggml_backend_reg_t backend = add(server.text().c_str());
      if (backend == nullptr)
        throw Error(ErrorCode::io, fmt::format("the RPC server {} offers no device", server.shown()));
      ggml_backend_register(backend);
      if (here.use == RpcUse::kept) keep_connection(backend);
    });
  }
  if (here.use == RpcUse::kept) watch_rpc_connections(here.servers, end_without);
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
