#include "serve_options.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>

#include <nlohmann/json.hpp>

#include <plimsoll/base/error.hpp>
#include "host/eviction_policies.hpp"

namespace plimsoll::app {

namespace {

nlohmann::ordered_json object_of(const std::string& text) {
  auto object = nlohmann::ordered_json::parse(text, nullptr, false);
  if (!object.is_object())
    throw Error(
        ErrorCode::usage,
        fmt::format("--chat-template-kwargs takes a JSON object like {{\"enable_thinking\": false}}, not '{}'", text));
  return object;
}

// What chat templates are told where a request says nothing.
std::string template_values(const ServeOptions& options) {
  auto values = nlohmann::ordered_json::object();
  for (const std::string& text : options.template_values) values.update(object_of(text));
  if (options.reasoning == "auto") values["enable_thinking"] = "auto";
  if (options.reasoning == "on" || options.reasoning == "off") values["enable_thinking"] = options.reasoning == "on";
  if (options.reasoning_budget == 0) values["enable_thinking"] = false;
  if (!options.reasoning_effort.empty()) values["reasoning_effort"] = options.reasoning_effort;
  return values.empty() ? std::string{} : values.dump();
}

// "none" stands alone; a domain has no "https://" before it.
void settle_media_sources(server::MediaSourceRules& rules) {
  constexpr const char* kFlag = "--allowed-media-domains";
  if (rules.domains == std::vector<std::string>{"none"}) {
    rules.domains.clear();
    rules.fetches = false;
  }
  for (const std::string& domain : rules.domains) {
    const bool has_port = std::ranges::count(domain, ':') == 1;
    if (domain.empty() || domain == "none" || has_port || domain.find_first_of("/ ") != std::string::npos)
      throw Error(ErrorCode::usage, fmt::format("{}: '{}' is no host's name", kFlag, domain));
  }
  if (!rules.folder.empty() && !std::filesystem::is_directory(rules.folder))
    throw Error(ErrorCode::usage, fmt::format("--media-path: '{}' is no folder", rules.folder.string()));
}

}  // namespace

server::ServerOptions server_options(const ServeOptions& options) {
  server::ServerOptions out = options.server;
  const auto body = parse_bytes(options.body);
  if (!body) throw Error(ErrorCode::usage, fmt::format("--max-body: {}", body.error()));
  out.limits.body = *body;
  out.limits.waiting = std::chrono::seconds(options.waiting_s);
  out.limits.working = std::chrono::seconds(options.working_s);
  out.limits.draining = std::chrono::seconds(options.draining_s);
  out.dashboard = !options.no_dashboard;
  out.shows_slots = !options.no_slots;
  out.autoload = !options.no_autoload;
  out.template_values = template_values(options);
  settle_media_sources(out.media);
  if (std::ranges::contains(out.api_keys, std::string()))  // most likely a variable that is not set
    throw Error(ErrorCode::usage,
                "--api-key is empty: everybody could send it; without the flag nobody is asked for one");
  out.heartbeat.interval = std::chrono::milliseconds(std::llround(std::max(options.ping_s, 0.0) * 1000));
  return out;
}

namespace {

// What the models named on the command line are for; a fleet file says it for each model.
void add_purpose_options(CLI::App& command, FleetPurpose& purpose) {
  command.add_flag("--embedding", purpose.embeddings, "The models give vectors: /v1/embeddings")
      ->envname("PLIMSOLL_EMBEDDING")
      ->group("Model");
  command.add_flag("--reranking", purpose.ranking, "The models rank: /v1/rerank")
      ->envname("PLIMSOLL_RERANKING")
      ->group("Model");
  command
      .add_option("--pooling", purpose.pooling,
                  "How vectors of tokens become one: mean, cls, last, rank; with --embedding")
      ->envname("PLIMSOLL_POOLING")
      ->group("Model");
  add_draft_options(command, purpose.draft);
}

void of(CLI::Option* option, const char* group) { option->group(group); }

// Where it listens, and who may ask.
void add_address_options(CLI::App& command, ServeOptions& o) {
  server::ServerOptions& s = o.server;
  of(command.add_option("--host", s.address, "Address to listen at")->envname("PLIMSOLL_HOST")->capture_default_str(),
     "Server");
  of(command.add_option("--port", s.port, "Port; 0: any that is free")
         ->check(CLI::Range(0, 65535))
         ->envname("PLIMSOLL_PORT")
         ->capture_default_str(),
     "Server");
  of(command
         .add_option("--api-key", s.api_keys,
                     "Key that clients must send; may be repeated. Others can see it in the process list")
         ->envname("PLIMSOLL_API_KEY")
         ->take_all()
         ->allow_extra_args(false),
     "Server");
  of(command
         .add_option("--api-key-file", o.api_key_files,
                     "File with a key a line, or NAME.toml with [[key]] tables; may be repeated")
         ->envname("PLIMSOLL_API_KEY_FILE")
         ->take_all()
         ->allow_extra_args(false),
     "Server");
  of(command.add_option("--ssl-cert-file", s.certificate, "TLS certificate (PEM)")->envname("PLIMSOLL_SSL_CERT_FILE"),
     "Server");
  of(command.add_option("--ssl-key-file", s.private_key, "TLS private key (PEM)")->envname("PLIMSOLL_SSL_KEY_FILE"),
     "Server");
  of(command
         .add_option("--cors-origin", s.cors_origins, "Origin whose pages may call; *: everybody's; may be repeated")
         ->envname("PLIMSOLL_CORS_ORIGIN")
         ->delimiter(',')
         ->take_all()
         ->allow_extra_args(false),
     "Server");
  of(command
         .add_option("--host-name", s.host_names,
                     "Name under which others may ask it without a key, beside addresses and this machine's own; may "
                     "be repeated")
         ->envname("PLIMSOLL_HOST_NAME")
         ->take_all()
         ->allow_extra_args(false),
     "Server");
}

// What requests may say, and how answers are kept alive.
void add_request_options(CLI::App& command, ServeOptions& o) {
  server::ServerOptions& s = o.server;
  of(command
         .add_option("-a,--alias", o.aliases,
                     "Names of a model, with commas: NAME, or MODEL=NAME where there are several; may be repeated")
         ->envname("PLIMSOLL_ALIAS")
         ->take_all()
         ->allow_extra_args(false),
     "Server");
  of(command.add_option("--tags", o.tags, "Words that the list of models shows with each model, with commas")
         ->envname("PLIMSOLL_TAGS")
         ->take_all()
         ->allow_extra_args(false),
     "Server");
  of(command
         .add_flag("--strict-fields", s.strict_fields,
                   "Refuse fields that are not known or not supported, instead of ignoring and naming them")
         ->envname("PLIMSOLL_STRICT_FIELDS"),
     "Server");
  of(command
         .add_flag("--watch", o.watch,
                   "Read the fleet file again when it changes, or the folders when models come and go; SIGHUP and "
                   "POST /plimsoll/v1/reload do so at any time")
         ->envname("PLIMSOLL_WATCH"),
     "Server");
  of(command
         .add_option("--sse-ping-interval", o.ping_s,
                     "Seconds that a stream is silent at most while its model loads, waits or reads; 0 or -1: as long "
                     "as it takes")
         ->check(CLI::Range(-1.0, 86'400.0))
         ->envname("PLIMSOLL_SSE_PING_INTERVAL")
         ->capture_default_str(),
     "Server");
  of(command
         .add_flag("--keep-alive-spaces", s.keep_alive_spaces,
                   "Answers that are not streams are kept alive as well, by white space before their JSON")
         ->envname("PLIMSOLL_KEEP_ALIVE_SPACES"),
     "Server");
}

// What chat templates are told where a request says nothing.
void add_template_options(CLI::App& command, ServeOptions& o) {
  of(command
         .add_option("--chat-template-kwargs", o.template_values,
                     "What chat templates may ask for where a request does not say it, as a JSON object like "
                     "{\"enable_thinking\": false}; may be repeated")
         ->envname("PLIMSOLL_CHAT_TEMPLATE_KWARGS")
         ->type_name("JSON"),
     "Server");
  of(command
         .add_option("--reasoning", o.reasoning,
                     "Whether models think that can be told so: on, off, or auto: where that decides how answers "
                     "begin. Without it their templates do as they do")
         ->check(CLI::IsMember({"on", "off", "auto"}))
         ->envname("PLIMSOLL_REASONING"),
     "Server");
  of(command
         .add_option("--reasoning-effort", o.reasoning_effort,
                     "How hard they think, in the template's words: low, medium, high")
         ->envname("PLIMSOLL_REASONING_EFFORT"),
     "Server");
  of(command
         .add_option("--reasoning-budget", o.reasoning_budget,
                     "Tokens of a thought where a request does not say it; 0: none, -1: no limit")
         ->check(CLI::Range(std::int64_t{-1}, std::int64_t{1'000'000'000}))
         ->envname("PLIMSOLL_REASONING_BUDGET")
         ->capture_default_str(),
     "Server");
}

// What is shown and logged beside answers.
void add_view_options(CLI::App& command, ServeOptions& o) {
  of(command.add_flag("--no-dashboard", o.no_dashboard, "No page at /")->envname("PLIMSOLL_NO_DASHBOARD"), "Server");
  of(command.add_flag("--no-slots", o.no_slots, "Do not show slots at GET /slots")->envname("PLIMSOLL_NO_SLOTS"),
     "Server");
  of(command.add_flag("--metrics-compat", o.server.llama_metrics, "llama-server's metrics beside ours at /metrics")
         ->envname("PLIMSOLL_METRICS_COMPAT"),
     "Server");
  of(command.add_option("--log-format", o.log_format, "text or json, on stderr")
         ->envname("PLIMSOLL_LOG_FORMAT")
         ->capture_default_str(),
     "Server");
}

// What the host of the models does with them, and where their conversations may be saved.
void add_host_options(CLI::App& command, ServeOptions& o) {
  of(command
         .add_option("--eviction", o.eviction,
                     fmt::format("Which model goes first where another one needs its memory: {}",
                                 fmt::join(host::eviction_policy_names(), ", ")))
         ->envname("PLIMSOLL_EVICTION"),
     "Server");
  of(command
         .add_flag(
             "--isolate", o.isolate,
             "Models compute in a process of their own, one for each compute group; what ends it does not end the "
             "server")
         ->envname("PLIMSOLL_ISOLATE"),
     "Server");
  of(command
         .add_option("--models-max", o.most_models,
                     "Models that are loaded at once; 0: as many as fit. Else what the fleet file says")
         ->check(CLI::Range(std::int64_t{0}, host::kMostModels))
         ->envname("PLIMSOLL_MODELS_MAX"),
     "Server");
  of(command
         .add_flag("--no-models-autoload", o.no_autoload,
                   "Requests for a model that is not loaded are refused: models are loaded by POST /models/load")
         ->envname("PLIMSOLL_NO_MODELS_AUTOLOAD"),
     "Server");
  of(command
         .add_option("--time-to-live", o.idle_s,
                     "Seconds that a model stays once it is idle; -1: what the fleet file says, else for ever")
         ->check(CLI::Range(std::int64_t{-1}, std::int64_t{1'000'000'000}))
         ->envname("PLIMSOLL_TIME_TO_LIVE")
         ->capture_default_str(),
     "Server");
  of(command
         .add_option("--keep-in-host", o.keep_in_host,
                     "Host memory for weights of models that have gone, so that they come back without their file")
         ->envname("PLIMSOLL_KEEP_IN_HOST"),
     "Server");
  of(command
         .add_option("--yield-to-foreign", o.yield_to_foreign,
                     "Memory of each device that is left to programs that are not Plimsoll's: where they take more, "
                     "idle models go, and come back when they have gone")
         ->envname("PLIMSOLL_YIELD_TO_FOREIGN"),
     "Server");
  of(command
         .add_option("--slot-save-path", o.server.slot_folder,
                     "Folder in which POST /slots saves conversations by name, to be restored by another server")
         ->envname("PLIMSOLL_SLOT_SAVE_PATH")
         ->type_name("FOLDER"),
     "Server");
}

// Where pictures and sounds lie that requests name by an address.
void add_media_options(CLI::App& command, ServeOptions& o) {
  server::MediaSourceRules& rules = o.server.media;
  of(command
         .add_option("--media-path", rules.folder, "Folder of pictures and sounds that requests may name: file://NAME")
         ->envname("PLIMSOLL_MEDIA_PATH")
         ->type_name("FOLDER"),
     "Server");
  of(command
         .add_option("--allowed-media-domains", rules.domains,
                     "Hosts that pictures and sounds are fetched from, and no others (.example.org: those below it); "
                     "may be repeated; none: nothing is fetched")
         ->envname("PLIMSOLL_ALLOWED_MEDIA_DOMAINS")
         ->delimiter(',')
         ->take_all()
         ->allow_extra_args(false),
     "Server");
}

void add_count_limits(CLI::App& command, ServeOptions& o) {
  server::Limits& l = o.server.limits;
  of(command.add_option("--max-body", o.body, "Size of a request")->envname("PLIMSOLL_MAX_BODY")->capture_default_str(),
     "Limits");
  of(command.add_option("--max-prompt-tokens", l.prompt_tokens, "Tokens of a prompt; 0: what the context holds")
         ->envname("PLIMSOLL_MAX_PROMPT_TOKENS")
         ->capture_default_str(),
     "Limits");
  of(command.add_option("--max-answer-tokens", l.answer_tokens, "Tokens of an answer; 0: until the context is full")
         ->envname("PLIMSOLL_MAX_ANSWER_TOKENS")
         ->capture_default_str(),
     "Limits");
  of(command.add_option("--max-requests", l.requests, "Requests at work at once, those that wait included")
         ->check(CLI::Range(1, 1'000'000))
         ->envname("PLIMSOLL_MAX_REQUESTS")
         ->capture_default_str(),
     "Limits");
  of(command.add_option("--max-queue", o.queue, "Requests that wait for a model")
         ->check(CLI::Range(0, 1'000'000))
         ->envname("PLIMSOLL_MAX_QUEUE")
         ->capture_default_str(),
     "Limits");
  of(command.add_option("--max-connections", l.connections, "Connections at once, idle ones included")
         ->check(CLI::Range(1, 30'000))
         ->envname("PLIMSOLL_MAX_CONNECTIONS")
         ->capture_default_str(),
     "Limits");
  of(command
         .add_option("--backlog", l.backlog,
                     "Connections that the system lets wait to be taken up; 0: as many as it allows (somaxconn)")
         ->check(CLI::Range(0, 1'000'000))
         ->envname("PLIMSOLL_BACKLOG")
         ->capture_default_str(),
     "Limits");
  of(command
         .add_option("--cached-prompts", o.server.cached_prompts,
                     "Conversations whose memory is kept, for each model and key")
         ->check(CLI::Range(0, 100'000))
         ->envname("PLIMSOLL_CACHED_PROMPTS")
         ->capture_default_str(),
     "Limits");
}

void add_time_limits(CLI::App& command, ServeOptions& o) {
  const auto seconds = CLI::Range(0, 1'000'000);
  of(command
         .add_option("--max-wait", o.waiting_s, "Seconds that a request waits for its model; 0: as long as it takes")
         ->check(seconds)
         ->envname("PLIMSOLL_MAX_WAIT")
         ->capture_default_str(),
     "Limits");
  of(command.add_option("--max-time", o.working_s, "Seconds that a request may take; 0: as long as it takes")
         ->check(seconds)
         ->envname("PLIMSOLL_MAX_TIME")
         ->capture_default_str(),
     "Limits");
  of(command
         .add_option("--max-decode-time", o.decode_s,
                     "Seconds that a batch may take in a process of its own before that counts as dead; 0: no limit")
         ->check(CLI::Range(0.0, 86'400.0))
         ->envname("PLIMSOLL_MAX_DECODE_TIME")
         ->capture_default_str(),
     "Limits");
  of(command
         .add_option("--time-slice", o.slice_s,
                     "Seconds that a request has its slot at least before it gives way to one of a higher priority")
         ->check(CLI::Range(0.0, 86'400.0))
         ->envname("PLIMSOLL_TIME_SLICE")
         ->capture_default_str(),
     "Limits");
  of(command
         .add_option("--drain-time", o.draining_s, "Seconds that requests at work are given when the server is to end")
         ->check(seconds)
         ->envname("PLIMSOLL_DRAIN_TIME")
         ->capture_default_str(),
     "Limits");
}

}  // namespace

void add_serve_options(CLI::App& command, ServeOptions& options) {
  command.add_option("sources", options.sources,
                     "A fleet file (TOML), model files (GGUF), a folder of them, or llama-server's file of models "
                     "(INI); without any the "
                     "built-in demo models");
  add_model_options(command, options.model);
  add_purpose_options(command, options.purpose);
  add_address_options(command, options);
  add_request_options(command, options);
  add_template_options(command, options);
  add_view_options(command, options);
  add_host_options(command, options);
  add_media_options(command, options);
  add_count_limits(command, options);
  add_time_limits(command, options);
  add_sampling_options(command, options.sampling);
}

}  // namespace plimsoll::app
