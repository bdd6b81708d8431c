#include "listening.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <plimsoll/base/error.hpp>

#include "http_server.hpp"

namespace plimsoll::server {

std::unique_ptr<ServedCertificate> certificate_of(const ServerOptions& options) {
  if (options.certificate.empty() != options.private_key.empty())
    throw plimsoll::Error(ErrorCode::usage, "TLS needs both a certificate and its private key");
  if (options.certificate.empty()) return nullptr;
  return std::make_unique<ServedCertificate>(options.certificate, options.private_key);
}

std::unique_ptr<httplib::Server> make_http(ServedCertificate* certificate) {
  return std::make_unique<HttpServer>(certificate == nullptr ? nullptr : certificate->context());
}

namespace {

struct Listening {
  int port;
  int socket;
};

Listening take_port(httplib::Server& http, const ServerOptions& options) {
  // Of the addresses that a name has, the last one tried is the one that could be had.
  const auto socket = std::make_shared<int>(-1);
  http.set_socket_options([socket](socket_t one) {
    *socket = one;
    // Without SO_REUSEPORT, which is the library's own choice and lets two servers share a port without knowing.
    httplib::set_socket_opt(one, SOL_SOCKET, SO_REUSEADDR, 1);
  });
  int port = options.port;
  const bool bound =
      port == 0 ? (port = http.bind_to_any_port(options.address)) > 0 : http.bind_to_port(options.address, port);
  if (bound) return {.port = port, .socket = *socket};
  throw plimsoll::Error(ErrorCode::io,
                        fmt::format("cannot listen at {} port {}: it is taken, or not an address of this machine",
                                    options.address, options.port));
}

}  // namespace

int listen_at(httplib::Server& http, const ServerOptions& options) {
  const Listening listening = take_port(http, options);
  // The library lets five connections wait, and the system resets the next ones.
  (void)::listen(listening.socket, options.limits.backlog > 0 ? options.limits.backlog : SOMAXCONN);
  return listening.port;
}

void require_can_listen(const ServerOptions& options) {
  const auto certificate = certificate_of(options);
  const auto http = make_http(certificate.get());
  (void)::close(take_port(*http, options).socket);  // the library closes what it serves alone
}

}  // namespace plimsoll::server
