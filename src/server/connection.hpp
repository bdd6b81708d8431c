// Connection: a client's connection, plain or over TLS, where every wait has an end.
#pragma once
#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include <openssl/ssl.h>

namespace plimsoll::server {

// One thread. Others may ask the system about the socket, and shut it down.
class Connection {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using HasEnded = std::function<bool()>;

  // Takes the socket over, and closes it in the end. Once `server_has_ended`, nobody waits for anything to come, and
  // all waits together for something to be taken up end after a second.
  Connection(int socket, HasEnded server_has_ended) : socket_(socket), server_has_ended_(std::move(server_has_ended)) {}
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // From now on over TLS. False: no handshake that succeeds has come to its end until then.
  [[nodiscard]] bool shake_hands(SSL_CTX& context, Time until);
  // Tells the other end, over TLS, that what it has is whole.
  void say_goodbye() noexcept;

  // How many bytes; 0: the other end sends no more; -1: none came until then, or the connection has failed.
  [[nodiscard]] ssize_t read(char* into, std::size_t size, Time until);
  // How many bytes, at least one; -1: the other end took none up until then, or the connection has failed.
  [[nodiscard]] ssize_t write(const char* bytes, std::size_t size, Time until);
  // Whether there is something to be read, the connection's end included.
  [[nodiscard]] bool comes_something(Time until) const;
  [[nodiscard]] bool takes_something(Time until) const;
  [[nodiscard]] bool holds_something() const;  // that has been received and is not read yet
  // False: it sends no more, and has said so.
  [[nodiscard]] bool is_open() const;
  [[nodiscard]] int socket() const noexcept { return socket_; }

 private:
  struct Tried {
    ssize_t bytes = -1;
    short waits_for = 0;  // of poll; 0: `bytes` says how it went
  };
  [[nodiscard]] Tried try_to_read(char* into, std::size_t size);
  [[nodiscard]] Tried try_to_write(const char* bytes, std::size_t size);
  [[nodiscard]] Tried tried(int result);
  [[nodiscard]] bool wait(short events, Time until) const;
  struct Free {
    void operator()(SSL* tls) const noexcept { SSL_free(tls); }
  };

  const int socket_;
  const HasEnded server_has_ended_;
  std::unique_ptr<SSL, Free> tls_;          // null: plain
  bool is_broken_ = false;                  // of TLS: nothing may be said any more
  mutable std::optional<Time> last_write_;  // until then somebody waits to write, once the server has ended
};

}  // namespace plimsoll::server
