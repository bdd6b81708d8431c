// plimsoll serve: a fleet over HTTP.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <memory>
#include <thread>

#include <plimsoll/base/error.hpp>
#include "base/descriptor_limit.hpp"
#include "base/log.hpp"
#include "broker/machine_ledger.hpp"
#include "dry_run/dry_run_process.hpp"
#include "host/fleet_planner.hpp"
#include "host/host.hpp"
#include "monitor/monitor.hpp"
#include "plan/others.hpp"
#include "server/server.hpp"

#include "commands.hpp"
#include "exit_status.hpp"
#include "interrupt.hpp"
#include "later_plans.hpp"
#include "opening.hpp"
#include "reloading.hpp"
#include "serve_options.hpp"
#include "served_fleet.hpp"
#include "server_log.hpp"
#include "service_manager.hpp"
#include "ways_out.hpp"

namespace plimsoll::app {
namespace {

void say_what_is_risky(const server::ServerOptions& options) {
  if (server::is_loopback(options.address)) return;
  if (!options.asks_for_keys())
    log::warn("server", "others can reach {} and need no key; --api-key-file asks for one", options.address);
  if (options.certificate.empty())
    log::warn("server", "what is sent to {} can be read on its way; --ssl-cert-file and --ssl-key-file encrypt it",
              options.address);
}

// Where somebody was asked for a key, nobody is let in without one because a file has lost its last line.
void require_a_key_still(bool is_asked_now, const ServedFleet& served, const host::Fleet& fleet) {
  if (is_asked_now && served.plain_keys().empty() && fleet.keys.empty())
    throw Error(ErrorCode::usage,
                "no API key is left, so that everybody could ask; where that is meant, start the server anew");
}

struct Planned {
  plan::Plan models;         // as the host takes it over
  host::FleetPlan of_fleet;  // what it comes to
};

Planned plan_once(const host::Fleet& fleet, dry_run::DryRunSource& dry_runs, plan::Store& store,
                  broker::MachineLedger& machine) {
  plan::Planner planner(dry_runs, store);
  plan::Plan models = planner.plan(
      host::requests_of(fleet),
      {.budgets = fleet.budgets, .ours = {}, .alternatives = false, .runtime = fleet.runtime, .skip_unusable = true});
  host::add_processes(fleet, models.models);
  // Which models will ever fit is judged as if others had let their models go: they are asked when one is wanted.
  std::vector<plan::DeviceState> devices;
  for (const plan::DeviceVerdict& verdict : models.devices) devices.push_back(verdict.state);
  plan::add_what_others_may_give(devices, machine);
  for (std::size_t i = 0; i < devices.size(); ++i) models.devices[i].state = devices[i];
  host::FleetPlan of_fleet = host::plan_fleet(
      fleet, host::FreeCapacity(models.models, std::move(devices), host::drafts_of(fleet), fleet.most_models));
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

std::vector<std::string> names_of(const host::Fleet& fleet) {
  std::vector<std::string> out;
  for (const host::FleetModel& model : fleet.models) out.push_back(model.request.name);
  return out;
}

// Of those that are not what they were.
std::vector<std::string> names_of(const host::FleetDifference& difference) {
  std::vector<std::string> out = difference.added;
  for (const host::ModelDifference& model : difference.changed) out.push_back(model.name);
  return out;
}

int run(const GlobalOptions& global, const ServeOptions& options) {
  end_at_sigterm_without_failure();
  set_up_server_log(options.log_format, global.verbosity > 0);
  raise_descriptor_limit();  // connections, and two for each process of models
  server::ServerOptions server_settings = server_options(options);
  server_settings.verbose = global.verbosity > 0;
  server::require_can_listen(server_settings);  // before minutes of planning and loading
  Hangups hangups;
  ServedFleet served(options);
  SourceWatch sources(options.watch ? watched_paths(options) : std::vector<std::string>{});
  host::Fleet fleet = served.read();
  server_settings.api_keys = served.plain_keys();
  server_settings.named_keys = fleet.keys;
  dry_run::DryRunProcess dry_runs({program_path(), "dry-run-worker"});
  LaterPlans later;
  plan::Store store;
  if (const auto wrong = host::contradictions(fleet); !wrong.empty())
    throw Error(ErrorCode::usage, fmt::format("{}", fmt::join(wrong, "; ")));
  const std::shared_ptr<broker::MachineLedger> machine = join_machine("serve");
  Planned planned = plan_once(fleet, dry_runs, store, *machine);
  if (!something_fits(fleet, planned.of_fleet)) return refused;
  say_what_templates_lack(fleet, names_of(fleet));
  WaysOut ways_out(planned.of_fleet.never);
  server_settings.ways_out = [&ways_out](const std::string& model) { return ways_out.of(model); };
  const std::stop_token interrupted = interrupts();  // from here on there is something to save
  run::MemoryAccounting accounting(machine);
  host::Host host(accounting, std::move(fleet), dry_runs, store,
                  {.longest_queue = options.queue,
                   .planned = std::move(planned.models),
                   .time_slice = std::chrono::milliseconds(std::llround(options.slice_s * 1000)),
                   .worker_program = {program_path(), "model-worker"}});
  monitor::Monitor monitor(host);
  say_what_is_risky(server_settings);
  const auto plan = [&](const std::vector<plan::Request>& requests) { return later.plan(requests, host); };
  server::Server* running = nullptr;
  bool asks_for_keys = server_settings.asks_for_keys();
  std::vector<std::string> keys_before = served.plain_keys();
  const auto reload = [&](const std::stop_token& stop) {
    const ReloadNotice notice;
    const auto read = [&] {
      host::Fleet next = served.read();
      require_a_key_still(asks_for_keys, served, next);
      running->read_certificate();
      return next;
    };
    host::ReloadReport report = later.reload(read, host, stop);
    if (!report.applied) return report;
    const std::vector<host::FleetKey>& named = host.fleet()->keys;
    if (keys_before != served.plain_keys()) report.difference.settings.emplace_back("api-key-file");
    if (running->use_certificate()) report.difference.settings.emplace_back("ssl-cert-file");
    keys_before = served.plain_keys();
    asks_for_keys = !keys_before.empty() || !named.empty();
    running->set_keys(keys_before, named);
    ways_out.replace(report);
    say_what_templates_lack(*host.fleet(), names_of(report.difference));
    return report;
  };
  server::Server server(host, monitor, server_settings, plan, reload);
  running = &server;
  const auto reload_logged = [&](const std::stop_token& ended) { (void)server.reload(ended); };
  std::jthread reloader;  // ends before the server does
  server.serve(interrupted, [&] {
    const std::size_t models = host.fleet()->models.size();
    fmt::print("plimsoll: {} model{} at {}\n", models, models == 1 ? "" : "s", server.url());
    std::fflush(stdout);
    tell_service_manager("READY=1\nSTATUS=listening");
    reloader =
        std::jthread([&](const std::stop_token& ended) { reload_when_asked(hangups, sources, reload_logged, ended); });
  });
  tell_service_manager("STOPPING=1");
  log::info("server", "ended");
  return done;  // a server is ended by a signal: that is no failure
}

constexpr const char* kCompatible =
    "llama-server's start scripts work unchanged: its flags mean what they mean there, those without a meaning here "
    "are named in a warning, and models are not downloaded. Its paths are answered, and Ollama's and OpenAI's and "
    "Anthropic's (docs/server.md).";

}  // namespace

void add_serve(CLI::App& app, GlobalOptions& global, int& status) {
  CLI::App* command = app.add_subcommand(
      "serve", "Serve models over HTTP: OpenAI's, Anthropic's, Ollama's and llama-server's APIs, and a dashboard");
  auto options = std::make_shared<ServeOptions>();
  add_serve_options(*command, *options);
  command->footer(kCompatible);
  command->callback([&global, &status, options, command] {
    options->sampling_given = given_sampling(*command);
    status = run(global, *options);
  });
}

}  // namespace plimsoll::app
