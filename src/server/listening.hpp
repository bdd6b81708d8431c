// listening: the HTTP library's server, and the port it has.
#pragma once
#include <memory>

#include <httplib.h>

#include "server/server_options.hpp"

#include "served_certificate.hpp"

namespace plimsoll::server {

// Null: it serves without TLS. Throws Error{usage}: see require_can_listen().
[[nodiscard]] std::unique_ptr<ServedCertificate> certificate_of(const ServerOptions& options);
// With TLS where there is a certificate, which outlives it. Throws likewise.
[[nodiscard]] std::unique_ptr<httplib::Server> make_http(ServedCertificate* certificate);
// Takes the port; gives its number. Throws Error{io}.
[[nodiscard]] int listen_at(httplib::Server& http, const ServerOptions& options);

}  // namespace plimsoll::server
