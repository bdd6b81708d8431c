#include "peer.hpp"

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <charconv>
#include <filesystem>
#include <string_view>
#include <utility>

namespace plimsoll::server {
namespace {

constexpr int kNone = -1;

bool is_of(int socket, const std::string& address, int port) {
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  if (getpeername(socket, reinterpret_cast<sockaddr*>(&peer), &size) != 0) return false;
  std::array<char, NI_MAXHOST> host{};
  std::array<char, NI_MAXSERV> service{};
  if (getnameinfo(reinterpret_cast<sockaddr*>(&peer), size, host.data(), host.size(), service.data(), service.size(),
                  NI_NUMERICHOST | NI_NUMERICSERV) != 0)
    return false;
  return std::to_string(port) == service.data() && address == host.data();
}

// The library does not tell the number of a request's socket.
int socket_of(const httplib::Request& request) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", error)) {
    const std::string name = entry.path().filename();
    int descriptor = kNone;
    std::from_chars(name.data(), name.data() + name.size(), descriptor);
    if (descriptor >= 0 && is_of(descriptor, request.remote_addr, request.remote_port)) return descriptor;
  }
  return kNone;
}

constexpr int kClosedOnBothSides = POLLERR | POLLHUP | POLLNVAL;
constexpr int kClosedByPeer = POLLRDHUP | kClosedOnBothSides;

bool says(int socket, int wanted) {
  pollfd asked{.fd = socket, .events = POLLRDHUP, .revents = 0};
  return poll(&asked, 1, 0) > 0 && (asked.revents & wanted) != 0;
}

// To look for a socket among thousands takes a millisecond, and most requests are over by then.
constexpr int kLooksBefore = 20;

}  // namespace

int Peer::found_socket() {
  if (!socket_) socket_ = socket_of(request_);
  return *socket_;
}

bool Peer::is_half_closed() {
  if (request_.is_connection_closed()) return true;
  if (looks_ < kLooksBefore) return ++looks_, false;
  return found_socket() != kNone && says(found_socket(), kClosedByPeer);
}

bool Peer::is_gone() {
  const std::lock_guard lock(mutex_);
  if (!is_half_closed()) return false;
  if (encrypted_ || found_socket() == kNone || says(found_socket(), kClosedOnBothSides)) return true;
  ask(found_socket());
  return false;
}

void Peer::ask(int socket) {
  if (!std::exchange(may_ask_, false) || request_.version != "HTTP/1.1") return;
  constexpr std::string_view kNothing = "HTTP/1.1 100 Continue\r\n\r\n";
  (void)!send(socket, kNothing.data(), kNothing.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
}

void Peer::hear_no_more() {
  const std::lock_guard lock(mutex_);
  if (found_socket() != kNone) (void)::shutdown(found_socket(), SHUT_RD);
}

void Peer::answer_begins() {
  const std::lock_guard lock(mutex_);
  may_ask_ = false;
}

}  // namespace plimsoll::server
