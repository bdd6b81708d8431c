// plimsoll serve: a fleet over HTTP.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <set>
#include <sstream>
#include <thread>

#include <plimsoll/base/error.hpp>
#include "base/clock.hpp"
#include "base/log.hpp"
#include "device/probe.hpp"
#include "dry_run/dry_run_process.hpp"
#include "host/fleet_planner.hpp"
#include "host/host.hpp"
#include "monitor/monitor.hpp"
#include "server/server.hpp"

#include "commands.hpp"
#include "exit_status.hpp"
#include "fleet_options.hpp"
#include "interrupt.hpp"
#include "service_manager.hpp"

namespace plimsoll::app {
namespace {

struct ServeOptions {
  ModelOptions model;
  SamplingOptions sampling;
  std::set<std::string> sampling_given;
  std::vector<std::string> aliases;
  std::vector<std::string> sources;  // a fleet file, model files, a folder
  server::ServerOptions server;
  std::vector<std::string> api_key_files;
  std::string body = "16MiB";
  std::string keep_in_host;  // empty: what the fleet file says
  std::size_t queue = 1000;
  std::int64_t waiting_s = 0;
  std::int64_t working_s = 0;
  std::int64_t draining_s = 30;
  double ping_s = 5;
  double slice_s = 2;
  std::string log_format = "text";
  bool no_dashboard = false;
  FleetPurpose purpose;
};

const char* level_text(log::Level level) {
  switch (level) {
    case log::Level::error:
      return "error";
    case log::Level::warn:
      return "warning";
    case log::Level::info:
      return "info";
    default:
      return "debug";
  }
}

// A server says what it answers; the engine's own chatter stays for those who ask for it with -v.
void set_up_server_log(const std::string& format, bool verbose) {
  if (format != "text" && format != "json")
    throw Error(ErrorCode::usage, fmt::format("--log-format does not know '{}'; it takes text or json", format));
  if (log::level() > log::Level::info) log::set_level(log::Level::info);
  log::set_sink(
      [json = format == "json", verbose](log::Level level, std::string_view component, std::string_view message) {
        if (!verbose && component == "engine" && level < log::Level::warn) return;
        const std::string now = utc_text(SystemClock().now());
        if (json) {
          const nlohmann::ordered_json line{
              {"time", now}, {"level", level_text(level)}, {"part", component}, {"message", message}};
          fmt::print(stderr, "{}\n", line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
        } else {
          fmt::print(stderr, "{} {:<7} {}: {}\n", now, level_text(level), component, message);
        }
      });
}

server::ServerOptions server_options(ServeOptions options) {
  server::ServerOptions& out = options.server;
  const auto body = parse_bytes(options.body);
  if (!body) throw Error(ErrorCode::usage, fmt::format("--max-body: {}", body.error()));
  out.limits.body = *body;
  out.limits.waiting = std::chrono::seconds(options.waiting_s);
  out.limits.working = std::chrono::seconds(options.working_s);
  out.limits.draining = std::chrono::seconds(options.draining_s);
  out.heartbeat.interval = std::chrono::milliseconds(std::llround(std::max(options.ping_s, 0.0) * 1000));
  out.dashboard = !options.no_dashboard;
  if (std::ranges::contains(out.api_keys, std::string()))  // most likely a variable that is not set
    throw Error(ErrorCode::usage,
                "--api-key is empty: everybody could send it; without the flag nobody is asked for one");
  for (const std::string& file : options.api_key_files) {
    if (file.ends_with(".toml"))
      std::ranges::move(host::read_keys_file(file), std::back_inserter(out.named_keys));
    else
      std::ranges::copy(server::read_api_keys(file), std::back_inserter(out.api_keys));
  }
  return out;
}

void say_what_is_risky(const server::ServerOptions& options) {
  if (server::is_loopback(options.address)) return;
  if (!options.asks_for_keys())
    log::warn("server", "others can reach {} and need no key; --api-key-file asks for one", options.address);
  if (options.certificate.empty())
    log::warn("server", "what is sent to {} can be read on its way; --ssl-cert-file and --ssl-key-file encrypt it",
              options.address);
}

void add_keys_of(const host::Fleet& fleet, server::ServerOptions& options) {
  std::ranges::copy(fleet.keys, std::back_inserter(options.named_keys));
  std::set<std::string> names;
  for (const host::FleetKey& key : options.named_keys) {
    if (!names.insert(key.name).second)
      throw Error(ErrorCode::usage, fmt::format("two API keys are called '{}'", key.name));
  }
}

// Without a budget for the host, the server takes this share of the host memory that is free at the start.
// The rest is for page cache, other programs, and what nobody can plan.
constexpr double kShareOfFree = 0.9;

void set_a_budget_for_the_host(host::Fleet& fleet) {
  const auto is_hosts = [](const memory::BudgetRequest& budget) { return budget.device && budget.device->is_host(); };
  if (std::ranges::any_of(fleet.budgets, is_hosts)) return;
  const SystemClock clock;
  device::DeviceInfo host;
  host.id = device::host();
  host.memory_is_hosts = true;
  const auto reading = device::make_system_probes(clock)->read(host);
  if (!reading || !reading->free) return;
  const Bytes budget{static_cast<std::uint64_t>(static_cast<double>(reading->free->value()) * kShareOfFree)};
  fleet.budgets.push_back({.device = device::host(), .amount = budget});
  log::info("server", "budget on the host: {}, which is {:.0f} % of what is free; --budget CPU=… sets another",
            format_bytes(budget), kShareOfFree * 100);
}

// [MODEL=]NAME,...; without a model: of the only one.
void add_aliases(host::Fleet& fleet, const std::vector<std::string>& given) {
  for (const std::string& text : given) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos && fleet.models.size() != 1)
      throw Error(ErrorCode::usage, fmt::format("--alias {} does not say of which model: MODEL=NAME", text));
    const auto named = [&](const host::FleetModel& model) {
      return equals == std::string::npos || model.request.name == text.substr(0, equals);
    };
    const auto found = std::ranges::find_if(fleet.models, named);
    if (found == fleet.models.end())
      throw Error(ErrorCode::usage, fmt::format("--alias {}: there is no model of that name", text));
    std::istringstream names(equals == std::string::npos ? text : text.substr(equals + 1));
    for (std::string name; std::getline(names, name, ',');) found->aliases.push_back(name);
  }
}

// The command line's sampling, over the fleet file's.
void lay_over_all(host::Fleet& fleet, const engine::PartialSampling& given) {
  for (host::FleetModel& model : fleet.models) {
    model.sampling.params = engine::laid_over(std::move(model.sampling.params), given);
    model.sampling.given.insert(given.given.begin(), given.given.end());
  }
}

struct Planned {
  plan::Plan models;         // as the host takes it over
  host::FleetPlan of_fleet;  // what it comes to
};

Planned plan_once(const host::Fleet& fleet, dry_run::DryRunSource& dry_runs, plan::Store& store) {
  plan::Planner planner(dry_runs, store);
  plan::Plan models = planner.plan(
      host::requests_of(fleet),
      {.budgets = fleet.budgets, .ours = {}, .alternatives = false, .runtime = fleet.runtime, .skip_unusable = true});
  std::vector<plan::DeviceState> devices;
  for (const plan::DeviceVerdict& verdict : models.devices) devices.push_back(verdict.state);
  host::FleetPlan of_fleet =
      host::plan_fleet(fleet, host::FreeCapacity(models.models, std::move(devices), host::drafts_of(fleet)));
  host::require_a_usable_one(fleet, of_fleet.capacity);
  host::add_alternatives(of_fleet, fleet, planner);
  return {.models = std::move(models), .of_fleet = std::move(of_fleet)};
}

// Tells which models the server will refuse, and which configurations would fit. False: it would refuse all of them.
bool something_fits(const host::Fleet& fleet, const host::FleetPlan& plan) {
  if (plan.never.size() + plan.unusable.size() == fleet.models.size()) {
    fmt::print(stderr, "{}plimsoll: none of these models fits, even alone\n", host::to_table(plan));
    return false;
  }
  for (const host::NeverFits& one : plan.never) {
    log::warn("server", "'{}' is going to be refused: {}", one.name, one.why);
    for (const plan::Alternative& alternative : one.alternatives)
      log::warn("server", "'{}' would fit with {} ({})", one.name, fmt::join(alternative.flags, " "), alternative.cost);
  }
  return true;
}

int run(const GlobalOptions& global, const ServeOptions& options) {
  set_up_server_log(options.log_format, global.verbosity > 0);
  server::ServerOptions server_settings = server_options(options);
  server::require_can_listen(server_settings);  // before minutes of planning and loading
  host::Fleet fleet = fleet_of_sources(options.sources, options.model, options.purpose);
  add_keys_of(fleet, server_settings);
  if (!options.keep_in_host.empty()) {
    const auto kept = parse_bytes(options.keep_in_host);
    if (!kept) throw Error(ErrorCode::usage, fmt::format("--keep-in-host: {}", kept.error()));
    fleet.keep_in_host = *kept;
  }
  add_aliases(fleet, options.aliases);
  lay_over_all(fleet, {.params = sampling(options.sampling), .given = options.sampling_given});
  set_a_budget_for_the_host(fleet);
  // The second one answers what somebody asks while models are at work, and rests in between.
  dry_run::DryRunProcess dry_runs({program_path(), "dry-run-worker"});
  dry_run::DryRunProcess later_dry_runs({program_path(), "dry-run-worker"});
  plan::Store store;
  plan::Store later_store;
  if (const auto wrong = host::contradictions(fleet); !wrong.empty())
    throw Error(ErrorCode::usage, fmt::format("{}", fmt::join(wrong, "; ")));
  Planned planned = plan_once(fleet, dry_runs, store);
  if (!something_fits(fleet, planned.of_fleet)) return refused;
  for (host::NeverFits& one : planned.of_fleet.never) server_settings.ways_out[one.name] = std::move(one.alternatives);
  run::MemoryAccounting accounting;
  host::Host host(accounting, fleet, dry_runs, store,
                  {.longest_queue = options.queue,
                   .planned = std::move(planned.models),
                   .time_slice = std::chrono::milliseconds(std::llround(options.slice_s * 1000))});
  monitor::Monitor monitor(host);

  plan::Planner planner(later_dry_runs, later_store);
  const auto plan = [&](const std::vector<plan::Request>& requests) {
    plan::PlannerOptions now{.budgets = fleet.budgets, .ours = {}, .runtime = fleet.runtime};
    for (const plan::DeviceState& device : host.devices()) {
      if (device.info.memory() == device.info.id) now.ours.emplace_back(device.info.id, device.ours);
    }
    const dry_run::RestAfterwards rest(later_dry_runs);  // it idles without a device context for its questions
    return planner.plan(requests, now);
  };
  say_what_is_risky(server_settings);
  server::Server server(host, monitor, server_settings, plan);
  const std::stop_token stop = interrupts();
  server.serve(stop, [&] {
    fmt::print("plimsoll: {} model{} at {}\n", fleet.models.size(), fleet.models.size() == 1 ? "" : "s", server.url());
    std::fflush(stdout);
    tell_service_manager("READY=1\nSTATUS=listening");
  });
  tell_service_manager("STOPPING=1");
  log::info("server", "ended");
  return done;  // a server is ended by a signal: that is no failure
}

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

constexpr const char* kCompatible =
    "llama-server's start scripts work unchanged: its flags mean what they mean there, those without a meaning here "
    "are "
    "named in a warning, and models are not downloaded. Its paths are answered, and Ollama's and OpenAI's and "
    "Anthropic's (docs/server.md).";

void add_server_options(CLI::App& command, ServeOptions& o) {
  const auto of = [](CLI::Option* option, const char* group) { return option->group(group); };
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
  of(command
         .add_option(
             "-a,--alias", o.aliases,
             "Other names of a model, with commas: NAME, or MODEL=NAME where there are several; may be repeated")
         ->envname("PLIMSOLL_ALIAS")
         ->take_all()
         ->allow_extra_args(false),
     "Server");
  of(command
         .add_flag("--strict-fields", s.strict_fields,
                   "Refuse fields that are not known or not supported, instead of ignoring and naming them")
         ->envname("PLIMSOLL_STRICT_FIELDS"),
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
                   "Answers that are no streams are kept alive as well, by white space before their JSON")
         ->envname("PLIMSOLL_KEEP_ALIVE_SPACES"),
     "Server");
  of(command.add_flag("--no-dashboard", o.no_dashboard, "No page at /")->envname("PLIMSOLL_NO_DASHBOARD"), "Server");
  of(command.add_flag("--metrics-compat", s.llama_metrics, "llama-server's metrics beside ours at /metrics")
         ->envname("PLIMSOLL_METRICS_COMPAT"),
     "Server");
  of(command.add_option("--log-format", o.log_format, "text or json, on stderr")
         ->envname("PLIMSOLL_LOG_FORMAT")
         ->capture_default_str(),
     "Server");
  of(command
         .add_option("--keep-in-host", o.keep_in_host,
                     "Host memory for weights of models that have gone, so that they come back without their file")
         ->envname("PLIMSOLL_KEEP_IN_HOST"),
     "Server");
  server::Limits& l = s.limits;
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
         .add_option("--cached-prompts", s.cached_prompts, "Conversations whose memory is kept, for each model and key")
         ->check(CLI::Range(0, 100'000))
         ->envname("PLIMSOLL_CACHED_PROMPTS")
         ->capture_default_str(),
     "Limits");
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

void add_serve(CLI::App& app, GlobalOptions& global, int& status) {
  CLI::App* command =
      app.add_subcommand("serve", "Serve models over HTTP: OpenAI's and Anthropic's APIs, and a dashboard");
  auto options = std::make_shared<ServeOptions>();
  command->add_option(
      "sources", options->sources,
      "A fleet file (TOML), model files (GGUF), or a folder of them; without any the built-in demo models");
  add_model_options(*command, options->model);
  add_purpose_options(*command, options->purpose);
  add_server_options(*command, *options);
  command->footer(kCompatible);
  add_sampling_options(*command, options->sampling);
  command->callback([&global, &status, options, command] {
    options->sampling_given = given_sampling(*command);
    status = run(global, *options);
  });
}

}  // namespace plimsoll::app
