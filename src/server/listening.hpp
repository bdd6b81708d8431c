// listening: the HTTP library's server, and the port it has.
#pragma once
#include <memory>

#include <httplib.h>

#include "server/server_options.hpp"

namespace plimsoll::server {

// With TLS where there is a certificate. Throws Error{usage}: see require_can_listen().
[[nodiscard]] std::unique_ptr<httplib::Server> make_http(const ServerOptions& options);
// Takes the port; gives its number. Throws Error{io}.
[[nodiscard]] int listen_at(httplib::Server& http, const ServerOptions& options);

}  // namespace plimsoll::server
