#include "access.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>
#include <utility>

#include "contained.hpp"
#include "host_name.hpp"

namespace plimsoll::server {

std::string key_of(const httplib::Request& request) {
  constexpr std::string_view kBearer = "bearer ";
  const std::string authorization = request.get_header_value("Authorization");
  const auto is_same = [](unsigned char given, char wanted) { return std::tolower(given) == wanted; };
  if (authorization.size() >= kBearer.size() &&
      std::ranges::equal(authorization.substr(0, kBearer.size()), kBearer, is_same))
    return authorization.substr(kBearer.size());
  return request.get_header_value("x-api-key");
}

namespace {

bool is_answered_without_key(const std::string& path) {
  return path == "/" || path == "/health" || path == "/v1/health" || path == "/ping";
}

}  // namespace

bool is_public(const httplib::Request& request) {
  return is_answered_without_key(request.path) || request.method == "OPTIONS";
}

bool is_about_the_server(const httplib::Request& request) {
  return is_public(request) || request.path == "/metrics" || request.path.starts_with("/plimsoll/");
}

api::ErrorShape shape_of(const std::string& path) {
  if (path.starts_with("/plimsoll/")) return api::ErrorShape::plimsoll;
  if (path.starts_with("/v1/messages")) return api::ErrorShape::anthropic;
  if (path.starts_with("/api/v1/")) return api::ErrorShape::lm_studio;
  if (path.starts_with("/api/")) return api::ErrorShape::ollama;
  return api::ErrorShape::openai;
}

namespace {

std::string_view behind(const std::string& origin, std::string_view scheme) {
  return origin.starts_with(scheme) ? std::string_view(origin).substr(scheme.size()) : std::string_view{};
}

// A page that a program of the visitor's own machine serves, or that is a program's window (Obsidian, VS Code, Tauri):
// no page of the network has such an origin.
bool is_of_a_program(const std::string& origin) {
  constexpr std::array kWindows{"app://", "file://", "tauri://", "vscode-webview://", "vscode-file://"};
  if (std::ranges::any_of(kWindows, [&](const char* scheme) { return origin.starts_with(scheme); })) return true;
  for (const char* scheme : {"http://", "https://"}) {
    const std::string host = without_port(std::string(behind(origin, scheme)));
    if (is_loopback(host) || host.ends_with(".localhost")) return true;
  }
  return false;
}

bool is_let_in(const httplib::Request& request, const ServerOptions& options, bool needs_key) {
  const std::string origin = request.get_header_value("Origin");
  return std::ranges::contains(options.cors_origins, "*") || std::ranges::contains(options.cors_origins, origin) ||
         is_of_a_program(origin) ||
         (needs_key && options.cors_origins.empty() && !is_answered_without_key(request.path));
}

}  // namespace

bool is_from_another_page(const httplib::Request& request, const ServerOptions& options, bool needs_key) {
  const std::string origin = request.get_header_value("Origin");
  if (origin.empty() || is_let_in(request, options, needs_key)) return false;
  const std::string host = request.get_header_value("Host");
  return origin != "http://" + host && origin != "https://" + host;
}

bool is_meant_for_us(const httplib::Request& request, const ServerOptions& options) {
  const std::string host = request.get_header_value("Host");
  if (host.empty()) return true;  // no browser
  const std::string name = without_port(host);
  if (is_loopback(name) || same_name(name, own_name()) ||
      std::ranges::any_of(options.host_names, [&](const std::string& own) { return same_name(name, own); }))
    return true;
  return !is_loopback(options.address) && is_address(name);
}

void allow_origin(const httplib::Request& request, httplib::Response& response, const ServerOptions& options,
                  bool needs_key) {
  const std::string origin = request.get_header_value("Origin");
  if (origin.empty()) return;
  const bool everybody = std::ranges::contains(options.cors_origins, "*");
  if (!is_let_in(request, options, needs_key)) return;
  response.set_header("Access-Control-Allow-Origin", everybody ? "*" : origin);
  response.set_header("Vary", "Origin");
  response.set_header("Access-Control-Expose-Headers",
                      "x-request-id, request-id, x-plimsoll-ignored, x-plimsoll-schema, x-plimsoll-schema-check, "
                      "retry-after, x-ratelimit-limit-requests, x-ratelimit-remaining-requests, "
                      "x-ratelimit-reset-requests, x-ratelimit-limit-tokens, x-ratelimit-remaining-tokens, "
                      "x-ratelimit-reset-tokens");
  if (request.method != "OPTIONS") return;
  response.set_header("Access-Control-Allow-Methods", "GET, POST, DELETE, OPTIONS");
  // The official clients send a dozen of their own; who is let in may send any.
  const std::string asked = request.get_header_value("Access-Control-Request-Headers");
  response.set_header("Access-Control-Allow-Headers",
                      asked.empty() ? "Authorization, Content-Type, x-api-key, anthropic-version" : asked);
  response.set_header("Access-Control-Max-Age", "86400");
  // A page of the public network asks whether it may reach into a private one.
  if (request.get_header_value("Access-Control-Request-Private-Network") == "true")
    response.set_header("Access-Control-Allow-Private-Network", "true");
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

namespace {

bool is_of_1_0(const httplib::Request& request) { return request.version == "HTTP/1.0"; }

// A stream that fails ends with its connection, without the mark of its end: so its client knows that it is not whole.
httplib::ContentProviderWithoutLength contained_provider(httplib::ContentProviderWithoutLength provider) {
  return [provider = std::move(provider)](std::size_t offset, httplib::DataSink& sink) {
    bool goes_on = false;
    return contained("a stream", [&] { goes_on = provider(offset, sink); }) && goes_on;
  };
}

}  // namespace

bool knows_streams(const httplib::Request& request) {
  return !is_of_1_0(request) || request.get_header_value("Connection") != "Keep-Alive";  // as the library reads it
}

void put_stream(const httplib::Request& request, httplib::Response& response, const char* type,
                httplib::ContentProviderWithoutLength provider) {
  provider = contained_provider(std::move(provider));
  if (!is_of_1_0(request)) return response.set_chunked_content_provider(type, std::move(provider));
  response.set_header("Connection", "close");
  response.set_content_provider(type, std::move(provider));
}

}  // namespace plimsoll::server
