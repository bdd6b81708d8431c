#include "device/rpc_connections.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <charconv>
#include <filesystem>
#include <string>
#include <thread>
#include <utility>

namespace plimsoll::device {
namespace {

constexpr int kIdleSeconds = 10;  // without a byte, and the machine is asked whether it is there
constexpr int kBetweenSeconds = 5;
constexpr int kTries = 3;

struct Connection {
  int file;
  std::string server;
};

std::vector<int> sockets_to(const RpcAddress& server) {
  const auto address = ipv4_of(server.host);
  std::vector<int> out;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", error)) {
    const std::string name = entry.path().filename();
    int file = -1;
    std::from_chars(name.data(), name.data() + name.size(), file);
    sockaddr_in peer{};
    socklen_t size = sizeof peer;
    if (getpeername(file, reinterpret_cast<sockaddr*>(&peer), &size) != 0 || peer.sin_family != AF_INET) continue;
    if (ntohs(peer.sin_port) == server.port && ntohl(peer.sin_addr.s_addr) == address) out.push_back(file);
  }
  return out;
}

void set_up(int file) {
  const auto set = [file](int level, int option, int value) {
    (void)setsockopt(file, level, option, &value, sizeof value);
  };
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, kIdleSeconds);
  set(IPPROTO_TCP, TCP_KEEPINTVL, kBetweenSeconds);
  set(IPPROTO_TCP, TCP_KEEPCNT, kTries);
  // No TCP_USER_TIMEOUT: a server that computes for long reads nothing meanwhile, and that counts against it.
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  (void)setsockopt(file, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

void wait_for_an_end(const std::vector<Connection>& connections,
                     const std::function<void(const std::string&)>& on_end) {
  std::vector<pollfd> files;
  for (const Connection& one : connections) files.push_back({.fd = one.file, .events = POLLRDHUP, .revents = 0});
  for (;;) {
    if (poll(files.data(), files.size(), -1) < 0 && errno != EINTR) return;
    for (std::size_t i = 0; i < files.size(); ++i) {
      if ((files[i].revents & (POLLRDHUP | POLLHUP | POLLERR)) == 0) continue;
      return on_end(connections[i].server);
    }
  }
}

}  // namespace

void watch_rpc_connections(const std::vector<RpcAddress>& servers, std::function<void(const std::string&)> on_end) {
  std::vector<Connection> connections;
  for (const RpcAddress& server : servers) {
    for (const int file : sockets_to(server)) {
      set_up(file);
      connections.push_back({.file = file, .server = server.shown()});
    }
  }
  std::thread([connections = std::move(connections), on_end = std::move(on_end)] {
    wait_for_an_end(connections, on_end);
  }).detach();
}

}  // namespace plimsoll::device
