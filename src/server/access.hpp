// access: who is at the other end, and what every answer says beside its body.
#pragma once
#include <string>

#include <httplib.h>

#include "api/json_text.hpp"
#include "api/problem.hpp"
#include "server/server_options.hpp"

#include "api_keys.hpp"

namespace plimsoll::server {

inline constexpr const char* kJson = "application/json";

// "Authorization: Bearer KEY", or "x-api-key: KEY" as Anthropic's clients send it; empty: none.
[[nodiscard]] std::string key_of(const httplib::Request& request);
// May be asked without a key: it tells nothing of anybody.
[[nodiscard]] bool is_public(const httplib::Request& request);
// Asks how the server does, not for work: answered until the end.
[[nodiscard]] bool is_about_the_server(const httplib::Request& request);
// The error shape of the API that a path belongs to.
[[nodiscard]] api::ErrorShape shape_of(const std::string& path);

// A page of another origin asks, which the options do not let in and which is no page of a program on its user's own
// machine (http://localhost:3000, app://obsidian.md): browsers send such requests with whatever keys and addresses
// their user has. `needs_key`: the server has keys. Then a page of any origin may ask what is not answered without one,
// unless the options name origins: it has to bring a key, which no browser does by itself.
[[nodiscard]] bool is_from_another_page(const httplib::Request& request, const ServerOptions& options, bool needs_key);
// For a server without keys. It is the address we listen at that protects us, and a page elsewhere could give itself a
// name that leads there. Such a page always comes under a name of its own: asked as `localhost`, by an address, by this
// machine's own name or by one of the options', we are meant. Where nobody but this machine can reach us, only its
// loopback addresses and those names are answered.
[[nodiscard]] bool is_meant_for_us(const httplib::Request& request, const ServerOptions& options);

// Headers for pages of other origins, where they are let in.
void allow_origin(const httplib::Request& request, httplib::Response& response, const ServerOptions& options,
                  bool needs_key);

void put(httplib::Response& response, const api::Json& body, int status = 200);
void put(httplib::Response& response, const api::Problem& problem, api::ErrorShape shape);

// False: it keeps its connection and knows no chunks (HTTP/1.0), so it could not tell where a stream ends.
[[nodiscard]] bool knows_streams(const httplib::Request& request);
// In chunks, or to the end of the connection for who knows none. Where `provider` throws, the connection ends.
void put_stream(const httplib::Request& request, httplib::Response& response, const char* type,
                httplib::ContentProviderWithoutLength provider);

}  // namespace plimsoll::server
