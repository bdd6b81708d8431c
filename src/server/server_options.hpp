// ServerOptions: where a server listens, whom it lets in, and how much of everything it takes.
#pragma once
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include <plimsoll/base/bytes.hpp>
#include "host/fleet_keys.hpp"
#include "plan/plan.hpp"
#include "server/heartbeat.hpp"
#include "server/media_source_rules.hpp"

namespace plimsoll::server {

struct Limits {
  Bytes body{std::uint64_t{16} << 20U};  // of a request; larger ones are answered with 413
  std::size_t prompt_tokens = 0;         // of one prompt; 0: what the model's context holds
  std::size_t answer_tokens = 0;         // of one answer; 0: until the context is full
  std::size_t requests = 256;            // for models at once, those that wait included; beyond it 503
  std::size_t connections = 4096;        // at once, idle ones included; beyond it they wait to be taken up
  int backlog = 0;                       // connections that wait for that in the system; 0: as many as it allows
  std::chrono::seconds waiting{0};       // for a model to become free; 0: as long as it takes
  std::chrono::seconds working{0};       // on one request from its first token on; 0: as long as it takes
  std::chrono::seconds reading{30};      // for a request's head to arrive, then for its body, and one for each 64 KiB
  std::chrono::seconds unread{60};       // for a client to take up what has been sent, once it takes up nothing more
  std::chrono::seconds draining{30};     // for requests at work, when the server is asked to stop
};

struct ServerOptions {
  std::string address = "127.0.0.1";
  int port = 8080;                           // 0: any that is free
  std::vector<std::string> api_keys{};       // and these; none at all: nobody is asked for one
  std::vector<host::FleetKey> named_keys{};  // with shares and limits
  std::filesystem::path certificate{};       // PEM; both or neither
  std::filesystem::path private_key{};
  // Without keys: names beside localhost, addresses and this machine's own under which it may be asked.
  std::vector<std::string> host_names{};
  std::vector<std::string> cors_origins{};  // whose pages may call from a browser; "*": everybody's
  bool dashboard = true;
  bool shows_slots = true;          // GET /slots
  bool llama_metrics = false;       // /metrics has llama-server's names beside ours
  bool autoload = true;             // false: requests are for models that are loaded; others are loaded by hand
  bool strict_fields = false;       // fields that nobody reads are refused, not ignored
  bool verbose = false;             // answers of OpenAI's routes say how they were made, unless they are told not to
  std::string template_values{};    // a JSON object of what chat templates may ask for, under presets and requests
  std::size_t cached_prompts = 32;  // for each model and key: conversations whose memory is kept for the next request
  std::filesystem::path slot_folder{};  // where /slots saves conversations by name; empty: it saves none
  MediaSourceRules media{};
  HeartbeatRule heartbeat{};
  bool keep_alive_spaces = false;  // an answer that is no stream is kept alive as well, by white space before it
  Limits limits{};
  // For a model that does not fit even alone: configurations that would (host::NeverFits), for the answer that refuses
  // it. Any thread.
  std::function<std::vector<plan::Alternative>(const std::string& model)> ways_out{};

  [[nodiscard]] bool asks_for_keys() const noexcept { return !api_keys.empty() || !named_keys.empty(); }
};

// Only this machine can reach it: "localhost", 127.0.0.0/8, ::1. "127.evil.example" is a name, not an address.
[[nodiscard]] bool is_loopback(const std::string& address);

// Throws Error: io (the port is taken, or the address is not this machine's), usage (a certificate without its key, or
// one that cannot be used). Nothing is held afterwards: for who wants to know before a long preparation.
void require_can_listen(const ServerOptions& options);

// The file has one key a line; empty lines and those that begin with # are skipped. Throws Error{usage}: it cannot be
// read, holds no key, or a key with blanks inside.
[[nodiscard]] std::vector<std::string> read_api_keys(const std::filesystem::path& file);

}  // namespace plimsoll::server
