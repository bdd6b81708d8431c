// The dashboard at /.
#include "dashboard_page.hpp"
#include "server_impl.hpp"

namespace plimsoll::server {

void Server::Impl::add_page() {
  http->Get("/", [](const httplib::Request&, httplib::Response& response) {
    const std::string_view page = dashboard_page();
    // Nothing is loaded from elsewhere, and nobody else may frame it.
    response.set_header(
        "Content-Security-Policy",
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
    response.set_header("Cache-Control", "no-cache");
    response.set_content(page.data(), page.size(), "text/html; charset=utf-8");
  });
}

}  // namespace plimsoll::server
