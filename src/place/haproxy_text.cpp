#include "haproxy_text.hpp"

#include <fmt/format.h>

#include <string_view>

#include "broken_streams.hpp"

namespace plimsoll::place {
namespace {

// One body for OpenAI's clients and for Anthropic's: each finds its own shape in it.
std::string error_body(const char* type, const char* code, const char* message) {
  return fmt::format(R"({{"type":"error","error":{{"type":"{}","code":"{}","param":null,"message":"{}"}}}})", type,
                     code, message);
}

std::string http_error(int status, const char* code, const char* message) {
  return fmt::format("    http-error status {} content-type application/json hdr Retry-After 5 string '{}'\n", status,
                     error_body("server_error", code, message));
}

constexpr const char* kGlobal =
    R"(# Written by `plimsoll place`. Started with `haproxy -W -f haproxy.cfg`, it is read again at SIGUSR2: connections that
# are open stay with the process that has them, for hard-stop-after at most.
global
    default-path config
    log stdout format raw local0
    # A request is kept as far as this, to find its model, and to send it again where a server dies before it answers.
    tune.bufsize 1048576
    hard-stop-after 30m
{lua}
defaults
    mode http
    timeout connect 2s
    timeout check 4s
    timeout client 15m
    timeout server 15m
    timeout queue 1m
    timeout http-request 30s
    timeout http-keep-alive 1m
    timeout tarpit 1s
    # A machine that has lost its power sends nothing more: this finds out.
    option srvtcpka
    srvtcpka-idle 5s
    srvtcpka-intvl 2s
    srvtcpka-cnt 3
    # What has not begun to be answered is sent again, to another server. 425 is the waiting room's: a second has passed.
    retries 60
    option redispatch 1
    retry-on conn-failure empty-response 425
    # The same conversation goes to the same server, which has kept its prompt, unless that has half as much again to do
    # as the others; one without a beginning goes to each in turn.
    balance hash var(txn.conversation)
    hash-type consistent
    hash-balance-factor 150
)";

// Where HAProxy was built without Lua streams that are broken off have no last event.
// Without the word 3.1 and later warn.
constexpr const char* kLuaWords = ".if version_atleast(3.1)\n    tune.lua.bool-sample-conversion normal\n.endif\n";
std::string with_lua(const std::string& line) { return fmt::format(".if feature(LUA)\n{}\n.endif\n", line); }

constexpr const char* kResolvers = R"(
resolvers cluster
    parse-resolv-conf
    hold valid 5s
)";

constexpr const char* kFrontHead = R"(
frontend models
    bind :{port}{tls}
    log global
    option httplog
    option http-buffer-request
    http-request return status 200 content-type application/json file models.json if METH_GET {{ path /v1/models /models }}
    http-request return status 200 content-type application/json string '{{"status":"ok"}}' if METH_GET {{ path /health /v1/health }}
    # The model: named by a header, the query, the path or the body.
    http-request set-var(txn.model) req.hdr(x-model)
    http-request set-var(txn.model) url_param(model),url_dec if !{{ var(txn.model) -m found }}
    http-request set-var(txn.model) 'path,regsub("^/(v1/)?models/",,),url_dec' if !{{ var(txn.model) -m found }} {{ path_reg ^/(v1/)?models/. }}
    http-request set-var(txn.model) req.body,json_query('$.model') if !{{ var(txn.model) -m found }}
    http-request return status 413 content-type application/json string '{too_long}' if !{{ var(txn.model) -m found }} {{ req.body_size gt 1000000 }}
    # As the servers read it: as it is, without ":latest", as the end of a path, without ".gguf", in any case.
    http-request set-var(txn.untagged) var(txn.model),regsub(':latest$',,i)
    http-request set-var(txn.last) var(txn.untagged),regsub('^.*/',,),regsub('[.]gguf$',,i)
    http-request set-var(txn.backend) var(txn.model),url_enc,map(names.map)
    http-request set-var(txn.backend) var(txn.untagged),url_enc,map(names.map) if !{{ var(txn.backend) -m found }}
    http-request set-var(txn.backend) var(txn.last),url_enc,map(names.map) if !{{ var(txn.backend) -m found }}
    http-request set-var(txn.backend) var(txn.model),lower,url_enc,map(names-lower.map) if !{{ var(txn.backend) -m found }}
    http-request set-var(txn.backend) var(txn.last),lower,url_enc,map(names-lower.map) if !{{ var(txn.backend) -m found }}
    # The first where none is named, or all is one.
    http-request set-var(txn.backend) str({first}) if {{ method POST OPTIONS }} !{{ var(txn.model) -m found }}
    http-request set-var(txn.backend) str({first}) if {{ var(txn.model) -m str default }} !{{ var(txn.backend) -m found }}
)";

constexpr const char* kFrontTail =
    R"(    http-request return status 404 content-type application/json lf-string '{"type":"error","error":{"type":"invalid_request_error","code":"model_not_found","param":"model","message":"there is no model \"%[var(txn.model),json(utf8s)]\" here; GET /v1/models lists those there are"}}' if { var(txn.model) -m found } !{ var(txn.backend) -m found }
    http-request return status 404 content-type application/json string '{"type":"error","error":{"type":"invalid_request_error","code":"not_found","param":null,"message":"there is no such route here, or it needs the name of a model"}}' if !{ var(txn.backend) -m found }
    # What a conversation is known by: a name that it has, or how it begins.
    http-request set-var(txn.conversation) req.hdr(x-session-id)
    http-request set-var(txn.conversation) req.body,json_query('$.prompt_cache_key') if !{ var(txn.conversation) -m found }
    http-request set-var(txn.conversation) req.body,json_query('$.session_id') if !{ var(txn.conversation) -m found }
    acl is_named var(txn.conversation) -m found
    acl system_comes_first req.body,json_query('$.messages[0].role') -m str system developer
    acl system_comes_first req.body,json_query('$.input[0].role') -m str system developer
    http-request set-var(txn.a) req.body,json_query('$.messages[0].content')
    http-request set-var(txn.a) req.body,json_query('$.input[0].content') if !{ var(txn.a) -m found }
    http-request set-var(txn.a) req.body,json_query('$.prompt'),bytes(0,256) if !{ var(txn.a) -m found }
    http-request set-var(txn.a) req.body,json_query('$.input'),bytes(0,256) if !{ var(txn.a) -m found }
    http-request set-var(txn.b) req.body,json_query('$.messages[1].content') if system_comes_first
    http-request set-var(txn.b) req.body,json_query('$.input[1].content') if system_comes_first !{ var(txn.b) -m found }
    http-request set-var(txn.c) req.body,json_query('$.system')
    http-request set-var(txn.c) req.body,json_query('$.instructions') if !{ var(txn.c) -m found }
    http-request set-var-fmt(txn.conversation) %[var(txn.c)]%[var(txn.a)]%[var(txn.b)] if !is_named { var(txn.a) -m found }
    use_backend %[var(txn.backend)]

# Where no server of a model is up: a second later its requests look again, retries times.
frontend waiting-room
    bind abns@plimsoll-waiting-room-{port}
    http-request tarpit deny_status 425
)";

std::string server_lines(const HaproxyServer& server) {
  if (server.pods > 0)
    return fmt::format("    server-template {} {} {}:{} check resolvers cluster init-addr none\n", server.name,
                       server.pods, server.address, server.port);
  const std::string address = server.address.contains(':') ? '[' + server.address + ']' : server.address;  // IPv6
  return fmt::format("    server {} {}:{} check\n", server.name, address, server.port);
}

std::string backend_text(const HaproxyBackend& backend, std::uint16_t front_port) {
  std::string out = fmt::format(
      "\nbackend {}\n    option httpchk\n    http-check send meth GET uri /health ver HTTP/1.1 hdr Host localhost\n"
      "    http-check expect status 200\n",
      backend.name);
  if (backend.is_alone) out += "    http-check expect ! string \"failed\"\n";
  out += fmt::format("    default-server inter 1s fastinter 250ms rise 1 fall 2 maxconn {} init-addr last,libc,none\n",
                     backend.at_once);
  // A server that takes no connection is down at once, or a retry would find the same one.
  out += "    default-server observe layer4 error-limit 1 on-error mark-down\n";
  out += fmt::format(
      "    http-response return status 503 content-type application/json hdr Retry-After 5 string '{}' if {{ status "
      "425 }}\n",
      error_body("server_error", "loading", "no server of this model has been ready for a minute"));
  out += "    http-response set-header x-served-by %s\n";
  out += with_lua("    filter lua.broken-stream");
  for (const HaproxyServer& server : backend.servers) out += server_lines(server);
  return out + fmt::format("    server waiting-room abns@plimsoll-waiting-room-{} backup maxconn 0\n", front_port);
}

std::string with(std::string text, std::string_view place, const std::string& in_it) {
  text.replace(text.find(place), place.size(), in_it);
  return text;
}

}  // namespace

std::string haproxy_config(const HaproxyFront& front) {
  const std::string load = fmt::format("    lua-load-per-thread {}", kBrokenStreamsFile);
  std::string out = with(kGlobal, "{lua}\n", kLuaWords + with_lua(load) + "\n");
  out += http_error(502, "bad_gateway", "a server has broken off, and nobody else could answer");
  out += http_error(503, "busy", "no server of this model could take the request in time");
  out += http_error(504, "timeout", "the server took too long to answer");
  if (front.has_pods) out += kResolvers;
  out += fmt::format(fmt::runtime(kFrontHead), fmt::arg("port", front.port),
                     fmt::arg("tls", front.certificate.empty() ? "" : " ssl crt " + front.certificate),
                     fmt::arg("first", front.backends.front().name),
                     fmt::arg("too_long", error_body("invalid_request_error", "invalid_request",
                                                     "so long a request has to name its model in the header x-model")));
  if (front.backends.size() == 1)
    out += fmt::format("    http-request set-var(txn.backend) str({}) if {{ var(txn.model) -m found }}\n",
                       front.backends.front().name);
  out += with(kFrontTail, "{port}", std::to_string(front.port));
  for (const HaproxyBackend& backend : front.backends) out += backend_text(backend, front.port);
  return out;
}

}  // namespace plimsoll::place
