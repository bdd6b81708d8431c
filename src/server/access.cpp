#include "access.hpp"

#include <algorithm>

#include "host_name.hpp"

namespace plimsoll::server {

std::string key_of(const httplib::Request& request) {
  constexpr std::string_view kBearer = "Bearer ";
  const std::string authorization = request.get_header_value("Authorization");
  if (authorization.starts_with(kBearer)) return authorization.substr(kBearer.size());
  return request.get_header_value("x-api-key");
}

bool is_public(const httplib::Request& request) {
  return request.path == "/" || request.path == "/health" || request.path == "/v1/health" ||
         request.method == "OPTIONS";
}

api::ErrorShape shape_of(const std::string& path) {
  if (path.starts_with("/plimsoll/")) return api::ErrorShape::plimsoll;
  if (path.starts_with("/v1/messages")) return api::ErrorShape::anthropic;
  if (path.starts_with("/api/")) return api::ErrorShape::ollama;
  return api::ErrorShape::openai;
}

namespace {

bool is_let_in(const std::string& origin, const ServerOptions& options) {
  return std::ranges::contains(options.cors_origins, "*") || std::ranges::contains(options.cors_origins, origin);
}

}  // namespace

bool is_from_another_page(const httplib::Request& request, const ServerOptions& options) {
  const std::string origin = request.get_header_value("Origin");
  if (origin.empty() || is_let_in(origin, options)) return false;
  const std::string host = request.get_header_value("Host");
  return origin != "http://" + host && origin != "https://" + host;
}

bool is_meant_for_us(const httplib::Request& request, const ServerOptions& options) {
  if (!options.api_keys.empty()) return true;
  const std::string host = request.get_header_value("Host");
  if (host.empty()) return true;  // no browser
  const std::string name = without_port(host);
  if (is_loopback(name) || same_name(name, own_name()) ||
      std::ranges::any_of(options.host_names, [&](const std::string& own) { return same_name(name, own); }))
    return true;
  return !is_loopback(options.address) && is_address(name);
}

void allow_origin(const httplib::Request& request, httplib::Response& response, const ServerOptions& options) {
  const std::string origin = request.get_header_value("Origin");
  if (origin.empty() || options.cors_origins.empty()) return;
  const bool everybody = std::ranges::contains(options.cors_origins, "*");
  if (!is_let_in(origin, options)) return;
  response.set_header("Access-Control-Allow-Origin", everybody ? "*" : origin);
  response.set_header("Vary", "Origin");
  if (request.method != "OPTIONS") return;
  response.set_header("Access-Control-Allow-Methods", "GET, POST, OPTIONS");
  response.set_header("Access-Control-Allow-Headers", "Authorization, Content-Type, x-api-key, anthropic-version");
  response.set_header("Access-Control-Max-Age", "86400");
}

void put(httplib::Response& response, const api::Json& body, int status) {
  response.status = status;
  response.set_content(api::to_text(body), kJson);
}

void put(httplib::Response& response, const api::Problem& problem, api::ErrorShape shape) {
  if (const auto after = problem.retry_after()) response.set_header("Retry-After", std::to_string(after->count()));
  if (problem.status() == 401) response.set_header("WWW-Authenticate", "Bearer");
  put(response, api::error_body(problem, shape), problem.status());
}

}  // namespace plimsoll::server
