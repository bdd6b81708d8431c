// What the end of a host has to wait for while a model is loaded into a process of its own.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <future>
#include <stdexcept>

#include "device/rpc_servers.hpp"

#include "expect_error.hpp"
#include "isolated_models.hpp"

namespace plimsoll::host {
namespace {

// Takes connections on the loopback and says nothing.
class SilentServer {
 public:
  SilentServer() : listening_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (bind(listening_, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(listening_, 4) != 0 ||
        getsockname(listening_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
      throw std::runtime_error("no port");
    device::set_rpc_servers({{.host = "127.0.0.1", .port = ntohs(address.sin_port)}}, device::RpcUse::elsewhere);
  }
  ~SilentServer() {
    device::set_rpc_servers({}, device::RpcUse::elsewhere);
    close(listening_);
  }
  SilentServer(const SilentServer&) = delete;
  SilentServer& operator=(const SilentServer&) = delete;
  void wait_for_a_client() const { client_ = accept(listening_, nullptr, nullptr); }
  void hang_up() const { close(client_); }

 private:
  int listening_;
  mutable int client_ = -1;
};

TEST(IsolatedModelsTest, TheEndOfTheHostDoesNotWaitForAServerThatIsGreeted) {
  const SilentServer server;
  run::MemoryAccounting accounting;
  IsolatedModels models(accounting, {"plimsoll", "model-worker"}, [](const std::string&, const Error&) {});
  plan::ModelPlan plan;
  plan.name = "far";
  const Isolation rules{.own_process = true, .is_remote = true};
  auto opening = std::async(std::launch::async, [&] {
    test::expect_error(ErrorCode::cancelled, "the host is ending",
                       [&] { (void)models.open({.plan = plan, .rules = rules}, {}); });
  });
  server.wait_for_a_client();
  EXPECT_EQ(models.end_processes(ProcessesToEnd::all), 0U);
  server.hang_up();
  opening.get();
}

}  // namespace
}  // namespace plimsoll::host
