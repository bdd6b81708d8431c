// HttpServer: the HTTP library's server, which serves its connections in a way of its own: each wait has an end.
#pragma once
#include <memory>

#include <httplib.h>
#include <openssl/ssl.h>

namespace plimsoll::server {

class Connection;

// The library gives each read the time of set_read_timeout(): who sends a byte from time to time has a connection and
// its thread for ever. Here a handshake of TLS has that time as a whole, and so have a request's first line and
// headers, from their first byte on. Each read of a body has it as before, and each write its own.
//
// The library's stop() ends every wait: what is being read is not read on, and who does not take up what is left of
// an answer is waited for a second. A connection is closed where its answer says so, where a request could not be read,
// and whatever is thrown on it.
class HttpServer final : public httplib::Server {
 public:
  explicit HttpServer(std::shared_ptr<SSL_CTX> tls = nullptr);  // null: without TLS

  // Of the connection that this thread serves, where it is told of a failure: first line and headers took too long.
  [[nodiscard]] static bool head_was_late() noexcept;

 private:
  bool process_and_close_socket(socket_t socket) override;
  // False: it was the connection's last request.
  [[nodiscard]] bool answer_one(Connection& connection, bool is_last);
  [[nodiscard]] bool has_ended() const noexcept { return svr_sock_ == INVALID_SOCKET; }

  std::shared_ptr<SSL_CTX> tls_;
};

}  // namespace plimsoll::server
