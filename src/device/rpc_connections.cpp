#include "device/rpc_connections.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <string>
#include <thread>
#include <utility>

namespace plimsoll::device {
namespace {

constexpr int kIdleSeconds = 10;  // without a byte, and the machine is asked whether it is there
constexpr int kBetweenSeconds = 5;
constexpr int kTries = 3;
constexpr std::chrono::seconds kLongestSilence{kIdleSeconds + kTries * kBetweenSeconds};

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

// Nobody is asked whether he is there while bytes are on their way to him: the system sends those again and again, for
// a quarter of an hour. What a machine has got it confirms at once, whatever its server does; one that has no room for
// more answers each time it is asked for some.
bool is_silent(int file) {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (getsockopt(file, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return false;
  const bool is_waiting = info.tcpi_unacked > 0 || info.tcpi_probes > 0;
  return is_waiting && std::chrono::milliseconds(info.tcpi_last_ack_recv) > kLongestSilence;
}

void wait_for_an_end(const std::vector<Connection>& connections,
                     const std::function<void(const std::string&)>& on_end) {
  std::vector<pollfd> files;
  for (const Connection& one : connections) files.push_back({.fd = one.file, .events = POLLRDHUP, .revents = 0});
  for (;;) {
    if (poll(files.data(), files.size(), kBetweenSeconds * 1000) < 0 && errno != EINTR) return;
    for (std::size_t i = 0; i < files.size(); ++i) {
      const bool has_ended = (files[i].revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
      if (has_ended || is_silent(files[i].fd)) return on_end(connections[i].server);
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
