// What is packed into the program: the dashboard at / for browsers, and the description of all routes.
#include "packed.hpp"
#include "server_impl.hpp"

namespace plimsoll::server {

namespace {

// Browsers say that they want a page.
bool wants_a_page(const httplib::Request& request) { return request.get_header_value("Accept").contains("text/html"); }

}  // namespace

void Server::Impl::add_page() {
  http->Get("/", [this](const httplib::Request& request, httplib::Response& response) {
    if (!options.dashboard || !wants_a_page(request)) {
      response.set_content("Ollama is running", "text/plain; charset=utf-8");  // its clients ask whether it is there
      return;
    }
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

void Server::Impl::add_description() {
  http->Get("/openapi.json", [](const httplib::Request&, httplib::Response& response) {
    const std::string_view text = openapi_description();
    response.set_content(text.data(), text.size(), kJson);
  });
}

}  // namespace plimsoll::server
