// What a host costs, and what it saves: switches between two models within a budget for one, models that fit within a
// budget at once, and the host's own time beside a request. One JSON object on stdout.
#include <fmt/format.h>
#include <malloc.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "dry_run/local_dry_runs.hpp"
#include "host/free_capacity.hpp"
#include "host/host.hpp"
#include "plan/planner.hpp"
#include "run/generation.hpp"
#include "run/open.hpp"

using namespace plimsoll;
using Json = nlohmann::ordered_json;

namespace {

struct Options {
  std::vector<std::string> models;
  std::string device = "CPU";
  std::uint32_t context = 2048;
  std::uint32_t batch = 2048;
  std::int32_t threads = 2;
  int rounds = 10;
  std::string store = "/dev/null/plimsoll.db";  // remembers nothing
};

plan::Request request_of(const Options& options, const std::string& path, const std::string& name) {
  plan::Request request{.name = name, .dry_run = {}, .compute_group = host::kDefaultGroup};
  request.dry_run.model.path = path;
  request.dry_run.model.devices = {options.device == "CPU" ? "none" : options.device};
  request.dry_run.context.n_ctx = options.context;
  request.dry_run.context.n_batch = options.batch;
  request.dry_run.context.n_ubatch = std::min(options.batch, 512U);
  request.dry_run.context.n_threads = options.threads;
  return request;
}

host::Fleet fleet_of(const Options& options, const std::vector<std::string>& paths) {
  host::Fleet fleet;
  for (std::size_t i = 0; i < paths.size(); ++i)
    fleet.models.push_back({.request = request_of(options, paths[i], fmt::format("m{}", i))});
  return fleet;
}

plan::Plan plan_of(const plan::Request& request, plan::Store& store) {
  dry_run::LocalDryRuns dry_runs;
  return plan::Planner(dry_runs, store).plan({request}, {.budgets = {}, .ours = {}, .alternatives = false});
}

run::GenerationParams greedy(const engine::Model& model, const std::string& prompt, std::int32_t tokens) {
  run::GenerationParams params{.predict = tokens, .sampling = {.temperature = 0}, .ignore_end_of_generation = true};
  if (!prompt.empty()) params.prompt = run::tokenize_prompt(model, prompt);
  return params;
}

Bytes process_memory(const run::MemoryAccounting& accounting) {
  (void)malloc_trim(0);
  device::DeviceInfo cpu;
  cpu.id = device::host();
  cpu.memory_is_hosts = true;
  return accounting.probe().read(cpu).value().used_by_us.value_or(Bytes{});
}

// The greedy continuation without a host, to hold the switched conversations against.
std::string uninterrupted(const Options& options, const std::string& path, std::int32_t tokens) {
  run::MemoryAccounting accounting;
  plan::Store nothing("/dev/null/plimsoll.db");
  const plan::Plan plan = plan_of(request_of(options, path, "alone"), nothing);
  run::Instance instance(accounting, plan.models.front(), plan.devices);
  run::OpenOptions open;
  open.warm_up.depth = run::WarmUpDepth::none;
  run::make_ready(instance, open, nullptr);
  run::Generation generation(instance, greedy(*instance.model(), "Once upon a time", tokens));
  return run::stream(generation);
}

struct Switched {
  std::vector<std::string> texts;
  Json ms = Json::array();
  bool evicted = true;  // always all of the other model
  std::vector<host::ModelStatus> models;
};

bool is_model_of(const host::Fleet& fleet, std::string_view owner) {
  return std::ranges::any_of(fleet.models, [&](const auto& model) { return model.request.name == owner; });
}

// Two conversations, each going on by one token after every switch.
Switched switch_in_turns(const Options& options, const host::Fleet& fleet, plan::Store& store) {
  Switched out{.texts = std::vector<std::string>(options.models.size()), .models = {}};
  run::MemoryAccounting accounting;
  dry_run::LocalDryRuns dry_runs;
  host::Host host(accounting, fleet, dry_runs, store);
  std::vector<host::ConversationId> conversations;
  for (const host::FleetModel& model : fleet.models) conversations.push_back(host.new_conversation(model.request.name));
  for (int round = 0; round < options.rounds + 2; ++round) {
    for (std::size_t i = 0; i < options.models.size(); ++i) {
      const std::string& name = fleet.models[i].request.name;
      const Stopwatch watch;
      {
        host::Lease lease = host.acquire(name, {.conversation = conversations[i]});
        run::Generation generation(lease.conversation(),
                                   greedy(*lease.instance().model(), round == 0 ? "Once upon a time" : "", 1));
        out.texts[i] += generation.next().value_or("");
        if (round > 1) out.ms.push_back(watch.elapsed_ms());  // both have been warmed once
        for (const std::string& rest : run::pieces(generation)) out.texts[i] += rest;
      }
      for (const memory::Entry& entry : accounting.ledger().entries()) {
        const bool others = entry.tag.owner != name && is_model_of(fleet, entry.tag.owner);
        if (others && entry.charged && entry.taken.current > Bytes{}) out.evicted = false;
      }
    }
  }
  out.models = host.status().models;
  return out;
}

Json switches(const Options& options) {
  plan::Store store(options.store);
  const device::DeviceId device{options.device};
  host::Fleet fleet = fleet_of(options, options.models);
  Bytes largest;
  for (const host::FleetModel& model : fleet.models)
    largest = std::max(largest, plan::required_on(device, plan_of(model.request, store).models));
  // Less than another model needs beside the first; what the runtime stage may turn out to be beside its plan.
  constexpr std::uint64_t kSlack = std::uint64_t{16} << 20U;
  fleet.budgets = {{.device = device, .amount = largest + Bytes{kSlack}}};

  const Switched told = switch_in_turns(options, fleet, store);
  // Afterwards: what is measured must not have been warmed before the host begins.
  std::vector<std::string> expected;
  for (const std::string& path : options.models) expected.push_back(uninterrupted(options, path, options.rounds + 2));
  std::uint64_t allocations = 0;
  for (const host::ModelStatus& model : told.models) allocations += model.seal.allocations_after_seal;
  return {{"first_token_ms", told.ms},
          {"other_evicted", told.evicted},
          {"continued_exactly", told.texts == expected},
          {"loads", told.models[0].loads + told.models[1].loads},
          {"load_ms", {told.models[0].last_load_ms, told.models[1].last_load_ms}},
          {"allocations_after_seal", allocations}};
}

// As many copies of one model as the budget takes, all of them ready and used.
Json together(const Options& options, Bytes budget, std::size_t most) {
  host::Fleet fleet = fleet_of(options, std::vector<std::string>(most, options.models.front()));
  fleet.budgets = {{.device = device::DeviceId{options.device}, .amount = budget}};
  run::MemoryAccounting accounting;
  dry_run::LocalDryRuns dry_runs;
  plan::Store store(options.store);
  const Bytes before = process_memory(accounting);
  host::Host host(accounting, fleet, dry_runs, store);
  std::size_t ready = 0;
  for (const host::FleetModel& model : fleet.models) {
    host::Lease lease = host.acquire(model.request.name);
    run::Generation generation(lease.conversation(), greedy(*lease.instance().model(), "Once upon a time", 2));
    (void)run::stream(generation);
    std::size_t now = 0;
    for (const host::ModelStatus& one : host.status().models) now += one.state == host::ModelState::ready ? 1 : 0;
    if (now <= ready) break;  // somebody had to go
    ready = now;
  }
  return {{"budget", budget.value()},
          {"ready", ready},
          {"process_bytes", saturating_sub(process_memory(accounting), before).value()},
          {"committed", accounting.ledger().account(device::DeviceId{options.device}).committed.value()}};
}

// acquire() to the first decoded token on a ready model, and the same without a host.
Json own_time(const Options& options) {
  constexpr int kCalls = 400;
  const auto median = [](std::vector<double> values) {
    std::ranges::nth_element(values, values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2));
    return values[values.size() / 2] * 1000;
  };
  const auto once = [](run::Conversation& conversation) {
    conversation.prompt(engine::Token{1});
    (void)conversation.infer();
  };
  std::vector<double> hosted;
  std::vector<double> acquired;
  std::vector<double> bare;
  {
    run::MemoryAccounting accounting;
    dry_run::LocalDryRuns dry_runs;
    plan::Store nothing("/dev/null/plimsoll.db");
    host::Host host(accounting, fleet_of(options, {options.models.front()}), dry_runs, nothing);
    host.load("m0");
    for (int i = 0; i < kCalls; ++i) {
      const Stopwatch watch;
      host::Lease lease = host.acquire("m0");
      acquired.push_back(watch.elapsed_ms());
      once(lease.conversation());
      hosted.push_back(watch.elapsed_ms());
    }
  }
  {
    run::MemoryAccounting accounting;
    plan::Store nothing("/dev/null/plimsoll.db");
    const plan::Plan plan = plan_of(request_of(options, options.models.front(), "alone"), nothing);
    run::Instance instance(accounting, plan.models.front(), plan.devices);
    run::make_ready(instance, {}, nullptr);
    run::BatchedExecutor executor(instance);
    for (int i = 0; i < kCalls; ++i) {
      const Stopwatch watch;
      run::Conversation conversation = executor.create();
      once(conversation);
      bare.push_back(watch.elapsed_ms());
    }
  }
  return {
      {"calls", kCalls}, {"acquire_us", median(acquired)}, {"hosted_us", median(hosted)}, {"bare_us", median(bare)}};
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App program{"Measures a host; see bench/switching.py"};
  Options options;
  std::string budget;
  std::size_t most = 0;
  bool own = false;
  program.add_option("-m,--model", options.models)->required();
  program.add_option("--device", options.device);
  program.add_option("-c,--ctx-size", options.context);
  program.add_option("-b,--batch-size", options.batch);
  program.add_option("-t,--threads", options.threads);
  program.add_option("--rounds", options.rounds);
  program.add_option("--store", options.store, "What was measured before");
  program.add_option("--together", budget, "A budget: how many fit under it");
  program.add_option("--most", most);
  program.add_flag("--own", own, "The host's own time");
  bool verbose = false;
  program.add_flag("-v,--verbose", verbose, "Say what each load and eviction took");
  CLI11_PARSE(program, argc, argv);
  if (verbose) log::set_level(log::Level::info);
  try {
    const Json result = own              ? own_time(options)
                        : budget.empty() ? switches(options)
                                         : together(options, parse_bytes(budget).value(), most);
    fmt::print("{}\n", result.dump(2));
  } catch (const std::exception& error) {
    fmt::print(stderr, "switching: {}\n", error.what());
    return 1;
  }
}
