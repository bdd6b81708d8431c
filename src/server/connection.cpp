#include "connection.hpp"

#include <fcntl.h>
#include <openssl/err.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

namespace plimsoll::server {
namespace {

// How soon a wait notices that the server has ended.
constexpr std::chrono::milliseconds kLook{50};
constexpr std::chrono::seconds kLastWrite{1};

bool is_ready(int socket, short events, std::chrono::milliseconds most) {
  pollfd asked{.fd = socket, .events = events, .revents = 0};
  return poll(&asked, 1, static_cast<int>(most.count())) > 0;
}

bool would_wait() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

int as_int(std::size_t size) { return static_cast<int>(std::min<std::size_t>(size, INT_MAX)); }

}  // namespace

Connection::~Connection() {
  tls_.reset();
  (void)::shutdown(socket_, SHUT_RDWR);
  (void)::close(socket_);
}

bool Connection::shake_hands(SSL_CTX& context, Time until) {
  // Else a record that comes slowly would be waited for inside of the library.
  if (::fcntl(socket_, F_SETFL, ::fcntl(socket_, F_GETFL) | O_NONBLOCK) != 0) return false;
  tls_.reset(SSL_new(&context));
  if (!tls_ || SSL_set_fd(tls_.get(), socket_) != 1) return false;
  SSL_clear_mode(tls_.get(), SSL_MODE_AUTO_RETRY);
  SSL_set_mode(tls_.get(), SSL_MODE_ENABLE_PARTIAL_WRITE);
  while (std::chrono::steady_clock::now() < until) {
    ERR_clear_error();
    const Tried done = tried(SSL_accept(tls_.get()));
    if (done.waits_for == 0) return done.bytes > 0;
    if (!wait(done.waits_for, until)) break;
  }
  is_broken_ = true;
  return false;
}

void Connection::say_goodbye() noexcept {
  if (!tls_ || is_broken_) return;
  ERR_clear_error();
  (void)SSL_shutdown(tls_.get());
}

ssize_t Connection::read(char* into, std::size_t size, Time until) {
  for (;;) {
    const Tried done = try_to_read(into, size);
    if (done.waits_for == 0) return done.bytes;
    if (!wait(done.waits_for, until)) return -1;
  }
}

ssize_t Connection::write(const char* bytes, std::size_t size, Time until) {
  if (size == 0) return 0;
  for (;;) {
    const Tried done = try_to_write(bytes, size);
    if (done.waits_for == 0) return done.bytes > 0 ? done.bytes : -1;
    if (!wait(done.waits_for, until)) return -1;
  }
}

Connection::Tried Connection::try_to_read(char* into, std::size_t size) {
  if (tls_) {
    if (is_broken_) return {};
    ERR_clear_error();
    return tried(SSL_read(tls_.get(), into, as_int(size)));
  }
  const ssize_t got = ::recv(socket_, into, size, MSG_DONTWAIT);
  if (got < 0 && would_wait()) return {.waits_for = POLLIN};
  return {.bytes = got};
}

Connection::Tried Connection::try_to_write(const char* bytes, std::size_t size) {
  if (tls_) {
    if (is_broken_) return {};
    ERR_clear_error();
    return tried(SSL_write(tls_.get(), bytes, as_int(size)));
  }
  const ssize_t sent = ::send(socket_, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent < 0 && would_wait()) return {.waits_for = POLLOUT};
  return {.bytes = sent};
}

Connection::Tried Connection::tried(int result) {
  if (result > 0) return {.bytes = result};
  switch (SSL_get_error(tls_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return {.waits_for = POLLIN};
    case SSL_ERROR_WANT_WRITE:
      return {.waits_for = POLLOUT};
    case SSL_ERROR_ZERO_RETURN:
      return {.bytes = 0};
    default:
      is_broken_ = true;
      return {};
  }
}

bool Connection::wait(short events, Time until) const {
  for (;;) {
    const auto now = std::chrono::steady_clock::now();
    if (server_has_ended_()) {
      if (!last_write_) last_write_ = now + kLastWrite;
      until = std::min(until, events == POLLOUT ? *last_write_ : now);
    }
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - now);
    if (is_ready(socket_, events, std::clamp(left, std::chrono::milliseconds(0), kLook))) return true;
    if (std::chrono::steady_clock::now() >= until) return false;
  }
}

bool Connection::holds_something() const { return tls_ && !is_broken_ && SSL_has_pending(tls_.get()) == 1; }

bool Connection::comes_something(Time until) const { return holds_something() || wait(POLLIN, until); }

bool Connection::takes_something(Time until) const { return wait(POLLOUT, until) && (!tls_ || is_open()); }

// What is there to be read is looked at and left.
bool Connection::is_open() const {
  char byte = 0;
  if (tls_) {
    if (is_broken_) return false;
    ERR_clear_error();
    const int peeked = SSL_peek(tls_.get(), &byte, 1);
    return peeked > 0 || SSL_get_error(tls_.get(), peeked) != SSL_ERROR_ZERO_RETURN;
  }
  if (!is_ready(socket_, POLLIN, std::chrono::milliseconds(0))) return true;
  return ::recv(socket_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

}  // namespace plimsoll::server
